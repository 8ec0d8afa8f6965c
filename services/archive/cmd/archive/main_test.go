package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
)

// TestMain makes the test binary the program itself where this is set.
func TestMain(m *testing.M) {
	if os.Getenv("ARCHIVE_PROGRAM") != "" {
		main()
		return
	}
	testkit.Main(m)
}

// world is a database with an owner and a run role, a broker, and programs between them.
type world struct {
	*testing.T

	broker testkit.Broker
	client *kgo.Client
	db     *testkit.DB
	env    []string
	made   int
}

func newWorld(t *testing.T, b testkit.Broker) *world {
	t.Helper()
	w := &world{T: t, broker: b, client: b.Client(t), db: testkit.Postgres(t)}
	b.Topics(t, contracts.Partitions, contracts.Topics()...)
	owner, run := w.db.Schema+"_owner", w.db.Schema+"_run"
	w.exec(`CREATE ROLE ` + owner + ` LOGIN; CREATE ROLE ` + run + ` LOGIN; ALTER SCHEMA ` + w.db.Schema + ` OWNER TO ` + owner)
	t.Cleanup(func() {
		w.exec(`REASSIGN OWNED BY ` + owner + ` TO CURRENT_USER; DROP OWNED BY ` + run + `, ` + owner + `; DROP ROLE ` + run + `, ` + owner)
	})
	w.env = []string{
		"ARCHIVE_PROGRAM=1", "DATABASE_URL=" + w.as(run), "DATABASE_OWNER_URL=" + w.as(owner), "JWKS=" + testkit.JWKS(t),
		"KAFKA_BROKERS=" + strings.Join(b.Addrs, ","), "KAFKA_TOPIC_PREFIX=" + b.Prefix,
	}
	return w
}

func (w *world) exec(sql string) {
	w.Helper()
	_, err := w.db.Pool.Exec(context.WithoutCancel(w.Context()), sql)
	require.NoError(w, err, sql)
}

func (w *world) as(role string) string {
	w.Helper()
	u, err := url.Parse(w.db.URL)
	require.NoError(w, err)
	u.User = url.User(role)
	return u.String()
}

func (w *world) command(env []string, args ...string) *exec.Cmd {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), os.Args[0], args...)
	cmd.Env, cmd.Stderr = append(w.env[:len(w.env):len(w.env)], env...), w.Output()
	return cmd
}

// ask runs a command and returns what it printed and its exit code.
func (w *world) ask(args ...string) (out string, code int) {
	w.Helper()
	cmd := w.command(nil, args...)
	raw, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		w.Fatal(err)
	}
	return string(raw), cmd.ProcessState.ExitCode()
}

// replica is a running program.
type replica struct {
	*exec.Cmd

	admin string
}

func (w *world) start(name string) *replica {
	w.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.Context(), "tcp", "127.0.0.1:0")
	require.NoError(w, err)
	require.NoError(w, l.Close())
	r := &replica{admin: l.Addr().String()}
	r.Cmd = w.command([]string{"REPLICA=" + name, "ADMIN_ADDR=" + r.admin, "BATCH_SIZE=500"})
	require.NoError(w, r.Start())
	w.Cleanup(func() { _ = r.Process.Kill(); _ = r.Wait() }) // it may have ended
	return r
}

func (w *world) get(r *replica, path, token string) (status int, body []byte) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, "http://"+r.admin+path, nil)
	require.NoError(w, err)
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	require.NoError(w, err)
	return res.StatusCode, body
}

// produce adds n records over all topics and partitions.
func (w *world) produce(n int) {
	w.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		k := w.made + i
		records[i] = &kgo.Record{
			Topic: w.broker.Prefix + contracts.Topics()[k%6], Partition: int32(k / 6 % contracts.Partitions),
			Key: fmt.Appendf(nil, "order-%d", k%1000), Value: fmt.Appendf(nil, `{"n":%d}`, k),
			Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("OrderPlaced.v1")}},
		}
	}
	w.made += n
	require.NoError(w, w.client.ProduceSync(w.Context(), records...).FirstErr())
}

// holds lets the program judge itself, once everything is archived.
func (w *world) holds() {
	w.Helper()
	out, code := w.ask("verify", "--verify-wait", "60s")
	require.Zero(w, code, out)
	require.Contains(w, out, fmt.Sprintf("%d records of 72 streams: hash chains recomputed; %d compared with Kafka; 0 retired; 0 not archived yet", w.made, w.made))
	var rows int
	require.NoError(w, w.db.Pool.QueryRow(w.Context(), `SELECT count(*) FROM record`).Scan(&rows))
	require.Equal(w, w.made, rows)
}

func TestTheProgramMigratesServesAndEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.Kafka(t))
	_, code := w.ask()
	require.Equal(t, program.ExitFailed, code, "without a schema")
	for range 2 {
		_, code = w.ask("migrate")
		require.Zero(t, code)
	}
	r := w.start("1")
	w.produce(3000)
	w.holds()
	testkit.Eventually(t, func() bool { status, _ := w.get(r, "/readyz", ""); return status == http.StatusOK }, "ready")

	status, _ := w.get(r, "/admin/v1/archive/records", testkit.Token(t, "alice", "customer"))
	require.Equal(t, http.StatusForbidden, status)
	var page struct {
		Items []struct {
			Topic string
			Value struct{ Text string }
		}
	}
	status, body := w.get(r, "/admin/v1/archive/records?key=order-7&topic=order.commands", testkit.Token(t, "olga", "operator"))
	require.Equal(t, http.StatusOK, status, string(body))
	require.NoError(t, json.Unmarshal(body, &page))
	require.Len(t, page.Items, 1)
	require.Equal(t, `{"n":7}`, page.Items[0].Value.Text)
	status, body = w.get(r, "/admin/v1/archive/verification/order.events/3", testkit.Token(t, "olga", "operator"))
	require.Equal(t, http.StatusOK, status, string(body))
	require.JSONEq(t, `{"records":42,"compared":42,"retired":0,"behind":0,"beyond":0,"differences":[],"next_cursor":null}`, string(body))
	status, _ = w.get(r, "/admin/v1/archive/verification/order.events.dlq/3", testkit.Token(t, "olga", "operator"))
	require.Equal(t, http.StatusNotFound, status)
	_, metrics := w.get(r, "/metrics", "")
	for _, name := range []string{
		`archive_records_total{topic="order.events"} 500`, `archive_lag_records{partition="0",topic="order.events"} 0`, "archive_bytes_total ",
		"archive_last_archived_timestamp_seconds 1", "archive_batch_records_count",
	} {
		require.Contains(t, string(metrics), name)
	}
	for _, name := range metricsOfAlerts(t) {
		require.Contains(t, string(metrics), "# TYPE "+name+" ")
	}
	require.NoError(t, r.Process.Signal(syscall.SIGTERM))
	require.NoError(t, r.Wait())

	// What retention leaves, and what a lie does to the exit code.
	out, code := w.ask("retain", "--retention-days", "1")
	require.Zero(t, code)
	require.Empty(t, out)
	_, code = w.ask("retain")
	require.Equal(t, program.ExitUsage, code)
	_, code = w.ask("resume", "--resume-topic", "order.dlq", "--resume-partition", "0", "--resume-offset", "0", "--resume-reason", "x")
	require.Equal(t, program.ExitUsage, code)
	w.exec(`SET session_replication_role = replica; UPDATE record SET value = '{}' WHERE "offset" = 3 AND stream = 5; SET session_replication_role = origin`)
	out, code = w.ask("verify")
	require.Equal(t, program.ExitFailed, code)
	require.Contains(t, out, "offset 3: another value than in Kafka")
	out, code = w.ask("resume", "--resume-topic", "order.events", "--resume-partition", "0", "--resume-offset", "10", "--resume-reason", "to see")
	require.Zero(t, code, out)
}

// Killed at any moment, it archives every record once.
func TestKilledAndRestarted(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		w := newWorld(t, b)
		_, code := w.ask("migrate")
		require.Zero(t, code)
		for round := range 6 {
			r := w.start("1")
			before := w.rows()
			w.produce(4000)
			testkit.Eventually(t, func() bool { return w.rows() > before+round*500 }, "some of it")
			require.NoError(t, r.Process.Kill())
			_ = r.Wait() // it was killed
		}
		w.start("1")
		w.holds()
	})
}

func (w *world) rows() (n int) {
	w.Helper()
	require.NoError(w, w.db.Pool.QueryRow(w.Context(), `SELECT coalesce(sum(records), 0) FROM stream`).Scan(&n))
	return n
}

// A paused replica loses its partitions; when it wakes up it changes nothing, and then does its share again.
func TestAPausedReplicaIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.Kafka(t))
	_, code := w.ask("migrate")
	require.Zero(t, code)
	paused := w.start("1")
	w.produce(6000)
	testkit.Eventually(t, func() bool { return w.rows() > 0 }, "it works")
	require.NoError(t, paused.Process.Signal(syscall.SIGSTOP))
	w.start("2")
	w.produce(6000)
	w.holds() // after the session timeout
	require.NoError(t, paused.Process.Signal(syscall.SIGCONT))
	w.produce(6000)
	testkit.Eventually(t, func() bool {
		var owned int
		require.NoError(t, w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM stream WHERE owner LIKE 'archive-1-%'`).Scan(&owned))
		return owned > 0
	}, "its share again")
	w.produce(6000)
	w.holds()
}

func TestWrongSettingsAreToldAllTogether(t *testing.T) {
	t.Parallel()
	w := &world{T: t, env: []string{"ARCHIVE_PROGRAM=1", "WORKERS=none"}}
	cmd := w.command(nil)
	var words strings.Builder
	cmd.Stderr = &words
	require.Error(t, cmd.Run())
	require.Equal(t, program.ExitUsage, cmd.ProcessState.ExitCode())
	for _, name := range []string{"DATABASE_URL", "JWKS", "WORKERS"} {
		require.Contains(t, words.String(), name)
	}
}
