package crash

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var things = testkit.Migration{Table: "goose_things", FS: fstest.MapFS{
	"0001_things.sql": {Data: []byte("-- +schema expands\n-- +goose Up\nCREATE TABLE thing (id int PRIMARY KEY, done bool NOT NULL DEFAULT false, count int NOT NULL DEFAULT 0);\n")},
}}

// plan returns ports with one fault ahead.
func plan(fault string) (*Ports, *script) {
	faults, err := parseFaults(fault)
	if err != nil {
		panic(err)
	}
	s := newScript(faults)
	return newPorts(s), s
}

// what each mode means, whatever the port.
var meaning = map[Mode]struct{ effects, alive bool }{
	Before: {effects: false, alive: false}, After: {effects: true, alive: false}, Lost: {effects: true, alive: true},
}

func TestDatabaseFaults(t *testing.T) {
	t.Parallel()
	for mode, want := range meaning {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t, things)
			p, s := plan("db insert thing+commit #1 " + string(mode))
			pool, err := postgres.Open(t.Context(), db.URL, p.Database)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			if err := insert(t.Context(), pool, 1); err == nil {
				t.Error("the program did not notice")
			}
			if n := count(t, db.Pool); (n == 1) != want.effects || n > 1 {
				t.Errorf("%d rows", n)
			}
			if (p.Dead.Err() == nil) != want.alive || p.crashed() == want.alive || s.fired() != 1 {
				t.Errorf("dead: %v, happened %d", p.Dead.Err(), s.fired())
			}
			if err := insert(t.Context(), pool, 2); (err == nil) != want.alive {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// insert is three round trips: two that prepare, and one that does.
func insert(ctx context.Context, pool *pgxpool.Pool, id int) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "begin"); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO thing (id) VALUES ($1)", id)
	batch.Queue("commit")
	return conn.SendBatch(ctx, batch).Close()
}

func count(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM thing`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKafkaFaults(t *testing.T) {
	t.Parallel()
	for mode, want := range meaning {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			b := testkit.Kafka(t)
			b.Topics(t, 1, "things")
			p, s := plan("kafka Produce #1 " + string(mode))
			client, err := kafka.NewClient(b.Config(), slog.New(slog.DiscardHandler), p.Kafka()...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			produced := make(chan error, 1)
			client.Produce(ctx, &kgo.Record{Topic: b.Prefix + "things", Value: []byte("v")}, func(_ *kgo.Record, err error) { produced <- err })
			testkit.Eventually(t, func() bool { return s.fired() == 1 }, "the fault")
			if (p.Dead.Err() == nil) != want.alive {
				t.Errorf("dead: %v", p.Dead.Err())
			}
			if want.alive { // the client asks again, and the broker knows it by its sequence
				if err := <-produced; err != nil {
					t.Error(err)
				}
			}
			ends, err := kadm.NewClient(b.Client(t)).ListEndOffsets(t.Context(), b.Prefix+"things")
			if err != nil {
				t.Fatal(err)
			}
			end, _ := ends.Lookup(b.Prefix+"things", 0)
			if (end.Offset == 1) != want.effects || end.Offset > 1 {
				t.Errorf("%d records", end.Offset)
			}
		})
	}
}

func TestHTTPFaults(t *testing.T) {
	t.Parallel()
	for mode, want := range meaning {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
			defer server.Close()
			p, _ := plan("http POST /orders/{id} #1 " + string(mode))
			client := &http.Client{Transport: p.Transport(http.DefaultTransport)}
			post := func() error {
				r, err := client.Post(server.URL+"/orders/0af76519-16cd-43dd-8448-eb211c80319c", "text/plain", strings.NewReader("x"))
				if err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_ = r.Body.Close()
				}
				return err
			}
			if err := post(); !errors.Is(err, errReset) {
				t.Errorf("the program noticed %v", err)
			}
			if n := asked.Load(); (n == 1) != want.effects || n > 1 {
				t.Errorf("asked %d times", n)
			}
			if err := post(); (err == nil) != want.alive {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// When the incarnation dies, a call that is on its way ends, and its answer is not seen.
func TestDeathEndsCalls(t *testing.T) {
	t.Parallel()
	p, _ := plan("x #1 before")
	err := p.Call(t.Context(), "y", func(ctx context.Context) error {
		p.cut()
		<-ctx.Done()
		return nil
	})
	if !errors.Is(err, errReset) {
		t.Errorf("an answer for the dead: %v", err)
	}
}

func TestFaultsReadAsTheyAreSpelled(t *testing.T) {
	t.Parallel()
	const text = "db insert outbox+commit #2 after then kafka Fetch #13 lost then http POST /v1/orders/{id} #1 before"
	faults, err := parseFaults(text)
	if err != nil || faults.String() != text || len(faults) != 3 || faults[1] != (Fault{Point{"kafka Fetch", 13}, Lost}) {
		t.Errorf("%v %v", faults, err)
	}
	for _, bad := range []string{"", "db insert after", "db insert #0 after", "db insert #1 never", "a #1 lost then "} {
		if _, err := parseFaults(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
