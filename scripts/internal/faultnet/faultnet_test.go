package faultnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/faultnet"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// echo is a server that answers what it is told.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// say sends a word and returns how long its echo took.
func say(t *testing.T, c net.Conn, patience time.Duration) (time.Duration, error) {
	t.Helper()
	begin := time.Now()
	if _, err := c.Write([]byte("hello")); err != nil {
		return 0, err
	}
	require.NoError(t, c.SetReadDeadline(begin.Add(patience)))
	_, err := io.ReadFull(c, make([]byte, 5))
	return time.Since(begin), err
}

func TestLinkFaults(t *testing.T) {
	t.Parallel()
	p, link, err := faultnet.Plain("payment-1", "provider", echo(t))
	require.NoError(t, err)
	t.Cleanup(p.Close)
	require.Equal(t, "payment-1 to provider", link.Name())
	c := dial(t, p.Addr())
	_, err = say(t, c, testkit.Patience)
	require.NoError(t, err)

	link.Delay(100 * time.Millisecond)
	took, err := say(t, c, testkit.Patience)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 200*time.Millisecond) // there and back
	link.Heal()

	link.Silence()
	_, err = say(t, c, 50*time.Millisecond)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	link.Heal()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(testkit.Patience)))
	_, err = io.ReadFull(c, make([]byte, 5)) // nothing was lost
	require.NoError(t, err)

	require.Equal(t, 1, link.Cut(true))
	_, err = io.ReadFull(c, make([]byte, 1))
	require.Error(t, err)
	_, err = say(t, dial(t, p.Addr()), testkit.Patience)
	require.Error(t, err)
	link.Heal()
	_, err = say(t, dial(t, p.Addr()), testkit.Patience)
	require.NoError(t, err)

	seen := link.Seen()
	require.Equal(t, 1, seen.Cut)
	require.Equal(t, 1, seen.Refused)
	require.GreaterOrEqual(t, seen.Delayed, 2)
	require.GreaterOrEqual(t, seen.Held, 1)
}

// A lost COMMIT happened, a dropped one did not, and the program is told neither; what changes nothing is not counted.
func TestLoseAndDropCommits(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	u, err := url.Parse(db.URL)
	require.NoError(t, err)
	p, link, err := faultnet.Postgres("order-1", u.Host)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	u.Host = p.Addr()
	ctx := context.WithoutCancel(t.Context())
	_, err = db.Pool.Exec(ctx, "CREATE TABLE things (n int)")
	require.NoError(t, err)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, u.String())
		require.NoError(t, err)
		return conn
	}
	unknown := func(err error) {
		t.Helper()
		require.Error(t, err)
		var fromServer *pgconn.PgError
		require.False(t, errors.As(err, &fromServer), "%v", err)
	}
	insert := func(conn *pgx.Conn) error { // all in one round trip, as the machine does it
		b := &pgx.Batch{}
		for _, sql := range []string{"begin", "INSERT INTO things VALUES (1)", "commit"} {
			b.Queue(sql)
		}
		return conn.SendBatch(ctx, b).Close()
	}
	has := func(want int) {
		t.Helper()
		var n int
		require.NoError(t, db.Pool.QueryRow(ctx, "SELECT count(*) FROM things").Scan(&n))
		require.Equal(t, want, n)
	}

	conn := connect()
	link.LoseCommits(1)
	for _, sql := range []string{"SELECT 1", "UPDATE things SET n = 1", "INSERT INTO things SELECT 1 WHERE false"} {
		require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, sql); return err }))
	}
	unknown(insert(conn))
	has(1)

	conn = connect()
	require.NoError(t, insert(conn))
	has(2)
	link.DropCommits(2)
	require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "SELECT 1"); return err }))
	unknown(insert(conn))
	conn = connect()
	unknown(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "DELETE FROM things"); return err }))
	has(2)
	require.Equal(t, faultnet.Seen{Lost: 1, Dropped: 2}, link.Seen())
}

// A broker that advertises the proxy is reached only through it, and each client's link fails alone.
func TestKafkaLinksByClientID(t *testing.T) {
	t.Parallel()
	port, err := localstack.FreePort()
	require.NoError(t, err)
	k, err := faultnet.NewKafka("broker", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	broker, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{Port: port, Advertised: k.Addr()})
	require.NoError(t, err)
	t.Cleanup(broker.Stop)
	ping := func(id string) error {
		client, err := kgo.NewClient(kgo.SeedBrokers(k.Addr()), kgo.ClientID(id), kgo.RetryTimeout(time.Second), kgo.RequestRetries(1))
		require.NoError(t, err)
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		return client.Ping(ctx)
	}
	require.NoError(t, ping("order-1"))
	k.Link("order-1").Cut(true)
	require.Error(t, ping("order-1"))
	require.NoError(t, ping("order-2"))
	k.Link("order-1").Heal()
	require.NoError(t, ping("order-1"))
	require.Equal(t, "order-1 to broker", k.Link("order-1").Name())
	require.Positive(t, k.Link("order-1").Seen().Refused)
	require.Zero(t, k.Link("order-2").Seen())
}
