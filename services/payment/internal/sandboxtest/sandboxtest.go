// Package sandboxtest runs the sandbox provider as a process of its own, for tests.
package sandboxtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Key is the API key.
const Key = "sk_test"

// Provider is a running sandbox provider.
type Provider struct {
	URL  string
	addr string
	data string
	env  []string
	cmd  *exec.Cmd
}

// Entry is a line of the provider's ledger.
type Entry struct {
	Operation   string `json:"operation"`
	Outcome     string `json:"outcome"`
	Key         string `json:"key"`
	Reference   string `json:"reference"`
	AmountMinor int64  `json:"amount_minor"`
}

// Switch is a fault to set; see contracts/openapi/provider.yaml.
type Switch struct {
	Operation string `json:"operation"`
	Fault     string `json:"fault"`
	Code      string `json:"code,omitempty"`
	Times     int    `json:"times,omitempty"`
	DelayMS   int    `json:"delay_ms,omitempty"`
}

// Start runs a provider of the test's own, with these settings besides those it needs. It ends with the test.
func Start(t testing.TB, env ...string) *Provider {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{addr: listener.Addr().String(), data: t.TempDir(), env: env}
	p.URL = "http://" + p.addr
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p.Restart(t)
	t.Cleanup(p.Kill)
	return p
}

// Restart starts it again after Kill, at the same address and with its ledger.
func (p *Provider) Restart(t testing.TB) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(path)
	p.cmd.Env = append(p.env[:len(p.env):len(p.env)],
		"HTTP_ADDR="+p.addr, "DATA_DIR="+p.data, "API_KEY="+Key, "LOG_LEVEL=error")
	p.cmd.Stderr = os.Stderr
	if err := start(p.cmd); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-ticker.C {
		if _, err := p.send(t.Context(), http.MethodGet, "/readyz", nil); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the provider is not ready")
		}
	}
}

// Kill is kill -9.
func (p *Provider) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
}

// Set switches a fault on.
func (p *Provider) Set(t testing.TB, s Switch) {
	t.Helper()
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.send(t.Context(), http.MethodPost, "/v1/faults", body); err != nil {
		t.Fatal(err)
	}
}

// Clear switches all faults off.
func (p *Provider) Clear(t testing.TB) {
	t.Helper()
	if _, err := p.send(t.Context(), http.MethodDelete, "/v1/faults", nil); err != nil {
		t.Fatal(err)
	}
}

// Faults returns the faults that are switched on.
func (p *Provider) Faults(t testing.TB) []Switch {
	t.Helper()
	data, err := p.send(t.Context(), http.MethodGet, "/v1/faults", nil)
	if err != nil {
		t.Fatal(err)
	}
	var on struct{ Items []Switch }
	if err := json.Unmarshal(data, &on); err != nil {
		t.Fatal(err)
	}
	return on.Items
}

// ForgetKeys makes it forget every idempotency key.
func (p *Provider) ForgetKeys(t testing.TB) {
	t.Helper()
	if _, err := p.send(t.Context(), http.MethodDelete, "/v1/keys", nil); err != nil {
		t.Fatal(err)
	}
}

// Metrics returns what it measures, as Prometheus reads it.
func (p *Provider) Metrics(t testing.TB) string {
	t.Helper()
	data, err := p.send(t.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Ledger returns every entry under the reference, oldest first; all, where it is "".
func (p *Provider) Ledger(t testing.TB, reference string) []Entry {
	t.Helper()
	data, err := p.send(t.Context(), http.MethodGet, "/v1/ledger", nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []Entry
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if reference == "" || e.Reference == reference {
			out = append(out, e)
		}
	}
	return out
}

func (p *Provider) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	r.Close = true
	r.Header.Set("Authorization", "Bearer "+Key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	var data bytes.Buffer
	if _, err := data.ReadFrom(answer.Body); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, answer.StatusCode, data.Bytes())
	}
	return data.Bytes(), nil
}

// binary builds the provider, once for the test process. Services share no code: it is the program that is tested against.
var binary = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("ordersaga-test-provider-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("folder for the provider: %w", err)
	}
	path := filepath.Join(folder, "provider")
	fresh := fmt.Sprintf("%s-%d", path, os.Getpid()) // other test processes may be running the old one
	build := exec.Command("go", "build", "-o", fresh, "./cmd/provider")
	build.Dir = filepath.Join(filepath.Dir(here), "..", "..", "..", "provider")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	if err := os.Rename(fresh, path); err != nil {
		return "", fmt.Errorf("install the provider: %w", err)
	}
	return path, nil
})
