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

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
)

// TestMain makes the test binary the program itself where this is set.
func TestMain(m *testing.M) {
	if os.Getenv("WAREHOUSE_PROGRAM") != "" {
		main()
		return
	}
	testkit.Main(m)
}

type setup struct {
	*testing.T

	api, admin string
	url        string // of the database
	env        []string
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	db, broker := testkit.Postgres(t), testkit.Kafka(t)
	broker.Topics(t, contracts.Partitions, contracts.WarehouseCommands, contracts.WarehouseEvents, messaging.DeadLetterTopic(contracts.WarehouseCommands))
	s := &setup{T: t, api: freeAddr(t), admin: freeAddr(t), url: db.URL}
	s.env = []string{
		"WAREHOUSE_PROGRAM=1", "DATABASE_URL=" + db.URL, "DATABASE_OWNER_URL=" + db.URL, "JWKS=" + testkit.JWKS(t),
		"KAFKA_BROKERS=" + strings.Join(broker.Addrs, ","), "KAFKA_TOPIC_PREFIX=" + broker.Prefix,
		"HTTP_ADDR=" + s.api, "ADMIN_ADDR=" + s.admin,
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

func (s *setup) command(args ...string) *exec.Cmd {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), os.Args[0], args...)
	cmd.Env, cmd.Stderr = s.env, s.Output()
	return cmd
}

// do returns status 0 where nobody answers.
func (s *setup) do(method, url, token, body string) (status int, answer string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, "http://"+url, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	if err := resp.Body.Close(); err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func TestTheProgramMigratesServesAndEnds(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	if err := s.command().Run(); err == nil {
		t.Error("it serves without a schema")
	}
	for range 2 {
		if err := s.command("migrate").Run(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := s.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	testkit.Eventually(t, func() bool {
		status, _ := s.do(http.MethodGet, s.admin+"/readyz", "", "")
		return status == http.StatusOK
	}, "ready")

	operator := testkit.Token(t, "olga", "operator")
	status, answer := s.do(http.MethodPost, s.api+"/v1/stock/SKU-1/receipts", operator, `{"quantity":5}`)
	if status != http.StatusOK || !strings.Contains(answer, `"on_hand":5`) {
		t.Errorf("receipt: %d %s", status, answer)
	}
	_, metrics := s.do(http.MethodGet, s.admin+"/metrics", "", "")
	for _, name := range []string{`stock_reservations_total{outcome="reserved"} 0`, "http_server_request_duration_seconds_count"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("no metric %s", name)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

func TestWrongSettingsAreToldAllTogether(t *testing.T) {
	t.Parallel()
	s := &setup{T: t, env: []string{"WAREHOUSE_PROGRAM=1", "WORKERS=none"}}
	cmd := s.command()
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != program.ExitUsage {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"DATABASE_URL", "JWKS", "WORKERS"} {
		if !strings.Contains(words.String(), name) {
			t.Errorf("%s is not in %q", name, words.String())
		}
	}
}
