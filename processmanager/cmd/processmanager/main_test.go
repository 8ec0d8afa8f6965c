package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The program migrates as owner, then works as a role that may not change the schema, becomes ready, answers operators,
// and stops when it is told to.
func TestProgram(t *testing.T) {
	db, broker := testkit.Postgres(t), testkit.Kafka(t)
	broker.Topics(t, contracts.Partitions, topics()...)
	role := "run_" + db.Schema
	execute := func(sql string) {
		t.Helper()
		if _, err := db.Pool.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatal(err)
		}
	}
	execute(`CREATE ROLE ` + role + ` LOGIN`)
	as, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.User(role)
	admin := freeAddr(t)
	environment := []string{
		"DATABASE_URL=" + as.String(), "DATABASE_OWNER_URL=" + db.URL, "KAFKA_BROKERS=" + strings.Join(broker.Addrs, ","),
		"KAFKA_TOPIC_PREFIX=" + broker.Prefix, "ADMIN_ADDR=" + admin, "JWKS=" + testkit.JWKS(t),
	}
	if code := program.Run(t.Context(), first(), nil, environment); code == program.ExitOK {
		t.Fatal("it serves without its tables")
	}
	if code := program.Run(t.Context(), first(), []string{"migrate"}, environment); code != program.ExitOK {
		t.Fatalf("migrate: exit code %d", code)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- program.Run(ctx, first(), nil, environment) }()
	testkit.Eventually(t, func() bool { status, _ := get(t, "http://"+admin+"/readyz"); return status == http.StatusOK }, "ready")

	if status, body := get(t, "http://"+admin+"/admin/v1/definitions"); status != http.StatusOK || !strings.Contains(body, "authorize payment") {
		t.Errorf("definitions: %d %s", status, body)
	}
	testkit.Eventually(t, func() bool {
		_, body := get(t, "http://"+admin+"/metrics")
		return strings.Contains(body, `saga_instances{state="stuck"} 0`)
	}, "metrics")
	stop()
	if code := <-done; code != program.ExitOK {
		t.Errorf("serve: exit code %d", code)
	}
	execute(`DROP OWNED BY ` + role)
	execute(`DROP ROLE ` + role)
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testkit.Token(t, "olga", "operator"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
