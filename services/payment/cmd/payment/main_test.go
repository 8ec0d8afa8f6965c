package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

// TestMain makes the test binary the program itself where this is set, so that it can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("PAYMENT_PROGRAM") != "" {
		main()
		return
	}
	testkit.Main(m)
}

// stack is what the program needs, and its settings.
type stack struct {
	*testing.T

	db       *testkit.DB
	broker   testkit.Broker
	provider *sandboxtest.Provider
	admin    string
	env      []string
}

func newStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{T: t, db: testkit.Postgres(t), broker: testkit.Kafka(t), provider: sandboxtest.Start(t), admin: freeAddr(t)}
	s.broker.Topics(t, contracts.Partitions, contracts.PaymentCommands, contracts.PaymentEvents)
	s.env = []string{
		"PAYMENT_PROGRAM=1", "DATABASE_URL=" + s.db.URL, "DATABASE_OWNER_URL=" + s.db.URL, "JWKS=" + testkit.JWKS(t),
		"KAFKA_BROKERS=" + strings.Join(s.broker.Addrs, ","), "KAFKA_TOPIC_PREFIX=" + s.broker.Prefix, "ADMIN_ADDR=" + s.admin,
		"PROVIDER_URL=" + s.provider.URL, "PROVIDER_KEY=" + sandboxtest.Key, "PROVIDER_TIMEOUT=10s", "OPERATION_LEASE=1m",
	}
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func (s *stack) command(args ...string) *exec.Cmd {
	s.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env, cmd.Stderr = s.env, s.Output()
	return cmd
}

func (s *stack) serve() *exec.Cmd {
	s.Helper()
	cmd := s.command()
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	testkit.Eventually(s, func() bool { status, _ := s.get("/readyz"); return status == http.StatusOK }, "ready")
	return cmd
}

func (s *stack) get(path string) (int, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(body)
}

func (s *stack) authorize(order uuid.UUID) {
	s.Helper()
	kind, topic, data, err := contracts.NewRegistry().Encode(contracts.AuthorizePayment{
		OrderID: order, CustomerID: "c", Amount: contracts.Money{AmountMinor: 5, Currency: "EUR"}, PaymentMethod: "pm_ok",
	})
	if err != nil {
		s.Fatal(err)
	}
	key := []byte(order.String())
	r := &kgo.Record{Topic: s.broker.Prefix + topic, Key: key, Value: data, Partition: kafka.Partition(key, contracts.Partitions)}
	for name, value := range map[string]string{
		"ce_specversion": "1.0", "ce_id": uuid.NewString(), "ce_source": "/services/processmanager", "ce_type": kind,
		"ce_subject": order.String(), "ce_time": "2026-01-02T03:04:05Z", "ce_sequence": "00000000000000000001",
		"ce_correlationid": order.String(), "ce_attempt": "1", "content-type": "application/json",
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	if err := s.broker.Client(s).ProduceSync(s.Context(), r).FirstErr(); err != nil {
		s.Fatal(err)
	}
}

func (s *stack) states() (out string) {
	s.Helper()
	if err := s.db.Pool.QueryRow(s.Context(), `SELECT coalesce(string_agg(state, ' '), '') FROM operation`).Scan(&out); err != nil {
		s.Fatal(err)
	}
	return out
}

// The program itself: migrated, killed with kill -9 while the provider is at work, started again, ended by SIGTERM. What
// it was killed over is called for again at once, with the same key.
func TestKilledAndStartedAgain(t *testing.T) {
	s := newStack(t)
	if err := s.command("serve").Run(); err == nil {
		t.Error("it serves without a schema")
	}
	for range 2 {
		if err := s.command("migrate").Run(); err != nil {
			t.Fatal(err)
		}
	}
	first := s.serve()
	s.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after", Times: 1})
	order := uuid.Must(uuid.NewV7())
	s.authorize(order)
	testkit.Eventually(t, func() bool { return len(s.provider.Ledger(t, order.String())) == 1 }, "the effect")
	if states := s.states(); states != "intended" {
		t.Errorf("states %q", states)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	second := s.serve()
	testkit.Eventually(t, func() bool { return s.states() == "done" }, "the answer")
	if effects := s.provider.Ledger(t, order.String()); len(effects) != 1 {
		t.Errorf("the provider did %+v", effects)
	}
	_, metrics := s.get("/metrics")
	for _, name := range []string{
		`payment_provider_calls_total{operation="get",outcome="done"} 1`, "payment_provider_call_seconds_bucket",
		"payment_operations_open", "payment_provider_breaker_state 0",
	} {
		if !strings.Contains(metrics, name) {
			t.Errorf("no metric %s", name)
		}
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}
