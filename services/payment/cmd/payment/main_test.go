package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
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
	hook     string // where webhooks are taken
	env      []string
	log      *logged
}

// logged keeps what the programs write.
type logged struct {
	mu   sync.Mutex
	to   io.Writer
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	return l.to.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const secret = "the-secret-of-webhooks"

func newStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{
		T: t, db: testkit.Postgres(t), broker: testkit.Kafka(t), admin: freeAddr(t), hook: freeAddr(t), log: &logged{to: t.Output()},
	}
	s.provider = sandboxtest.Start(t, "WEBHOOK_URL=http://"+s.hook+"/v1/webhooks", "WEBHOOK_SECRET="+secret, "WEBHOOK_EVERY=10ms")
	s.broker.Topics(t, contracts.Partitions, contracts.PaymentCommands, contracts.PaymentEvents, messaging.DeadLetterTopic(contracts.PaymentCommands))
	s.env = []string{
		"PAYMENT_PROGRAM=1", "DATABASE_URL=" + s.db.URL, "DATABASE_OWNER_URL=" + s.db.URL, "JWKS=" + testkit.JWKS(t),
		"KAFKA_BROKERS=" + strings.Join(s.broker.Addrs, ","), "KAFKA_TOPIC_PREFIX=" + s.broker.Prefix, "ADMIN_ADDR=" + s.admin,
		"PROVIDER_URL=" + s.provider.URL, "PROVIDER_KEY=" + sandboxtest.Key, "PROVIDER_TIMEOUT=10s", "OPERATION_LEASE=1m",
		"LOG_LEVEL=debug",
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
	cmd.Env, cmd.Stderr = s.env, s.log
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

var five = contracts.Money{AmountMinor: 5, Currency: "EUR"}

const customer = "jenny-rosen"

func (s *stack) authorize(order uuid.UUID, method string) {
	s.Helper()
	s.send(order, contracts.AuthorizePayment{OrderID: order, CustomerID: customer, Amount: five, PaymentMethod: method})
}

func (s *stack) send(order uuid.UUID, body any) {
	s.Helper()
	kind, topic, data, err := contracts.NewRegistry().Encode(body)
	if err != nil {
		s.Fatal(err)
	}
	key := []byte(order.String())
	r := &kgo.Record{Topic: s.broker.Prefix + topic, Key: key, Value: data, Partition: kafka.Partition(key, contracts.Partitions)}
	for name, value := range map[string]string{
		"ce_specversion": "1.0", "ce_id": uuid.NewSHA1(order, []byte(kind)).String(), "ce_source": "/services/processmanager", "ce_type": kind,
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
	if err := s.db.Pool.QueryRow(s.Context(), `SELECT coalesce(string_agg(state, ' ' ORDER BY kind), '') FROM operation`).Scan(&out); err != nil {
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
	s.authorize(order, "pm_ok")
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
	// The capture, too: done at the provider, its answer lost, the program killed: one capture (scenario 11).
	s.provider.Set(t, sandboxtest.Switch{Operation: "capture", Fault: "timeout_after", Times: 1})
	s.send(order, contracts.CapturePayment{OrderID: order, Amount: five})
	testkit.Eventually(t, func() bool { return len(s.provider.Ledger(t, order.String())) == 2 }, "the capture")
	if err := second.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = second.Wait()
	third := s.serve()
	testkit.Eventually(t, func() bool { return s.states() == "done done" }, "the capture's answer")
	if effects := s.provider.Ledger(t, order.String()); len(effects) != 2 {
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
	if err := third.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := third.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// The answer is lost; the provider's webhook reaches the program's port, and settles it long before the call is given up.
func TestWebhook(t *testing.T) {
	s := newStack(t)
	s.env = append(s.env, "HTTP_ADDR="+s.hook, "PROVIDER_WEBHOOK_SECRET=the-next-secret-of-all,"+secret,
		"PROVIDER_TIMEOUT=5m", "OPERATION_LEASE=1h")
	if err := s.command("migrate").Run(); err != nil {
		t.Fatal(err)
	}
	s.serve()
	s.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after"})
	s.authorize(uuid.Must(uuid.NewV7()), "pm_ok")
	testkit.Eventually(t, func() bool { return s.states() == "done" }, "the webhook")
	_, metrics := s.get("/metrics")
	for _, name := range []string{`payment_webhooks_total{outcome="taken"} 1`, `payment_hints_total{outcome="settled"} 1`} {
		if !strings.Contains(metrics, name) {
			t.Errorf("no metric %s", name)
		}
	}
}

// Who pays, and with what, shows in no log, at any level, and in no metric, whatever goes wrong.
func TestNothingPersonal(t *testing.T) {
	s := newStack(t)
	s.env = append(s.env, "PROVIDER_TIMEOUT=200ms", "HTTP_ADDR="+s.hook, "PROVIDER_WEBHOOK_SECRET="+secret)
	if err := s.command("migrate").Run(); err != nil {
		t.Fatal(err)
	}
	s.serve()
	methods := []string{"pm_ok", "pm_declined", "pm_timeout_before", "pm_timeout_after", "pm_5xx", "pm_flap", "pm_of_nobody"}
	for _, method := range methods {
		s.authorize(uuid.Must(uuid.NewV7()), method)
	}
	testkit.Eventually(t, func() bool {
		return strings.Count(s.states(), "done") == 3 && strings.Count(s.states(), "refused") == 2 &&
			strings.Count(s.log.String(), "gave no answer") > 5
	}, "answers, and calls without")
	s.provider.Kill()
	_, metrics := s.get("/metrics")
	for _, word := range append(methods, customer, sandboxtest.Key, secret) {
		for where, text := range map[string]string{"log": s.log.String(), "metrics": metrics} {
			if strings.Contains(text, word) {
				t.Errorf("%s is in the %s", word, where)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	s := newStack(t)
	for wrong, says := range map[string]string{
		"PROVIDER=paypal": "PROVIDER must be", "OPERATION_LEASE=50s": "OPERATION_LEASE", "PROVIDER_URL=x": "provider URL",
		"PROVIDER_WEBHOOK_SECRET=short": "16 characters", "PROVIDER_WEBHOOK_SECRET=" + secret + "," + secret + "," + secret: "two",
	} {
		cmd := s.command("serve")
		cmd.Env = append(cmd.Env, wrong)
		cmd.Stderr = nil
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), says) || strings.Contains(string(out), secret) {
			t.Errorf("%s: exit %d, %s", wrong, cmd.ProcessState.ExitCode(), out)
		}
	}
}
