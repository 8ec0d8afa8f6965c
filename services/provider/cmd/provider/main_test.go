package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "provider")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(folder, "provider")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
}

func start(t *testing.T, data, addr string, env ...string) *program {
	t.Helper()
	p := &program{t: t, addr: addr, cmd: exec.Command(binary)}
	p.cmd.Env = append(env, "HTTP_ADDR="+addr, "DATA_DIR="+data, "API_KEY=k")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		answer, err := http.Get("http://" + addr + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal("the program is not ready")
		}
	}
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

func send(ctx context.Context, addr, key string) (string, error) {
	body := fmt.Sprintf(`{"amount_minor":5,"currency":"EUR","payment_method":"pm_ok","reference":%q}`, key)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/authorizations", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer k")
	r.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", answer.StatusCode)
	}
	return string(data), err
}

// Killed while it writes, the provider forgets nothing that it answered, and does nothing twice.
func TestKilledWhileWriting(t *testing.T) {
	data, addr := t.TempDir(), freeAddr(t)
	var mu sync.Mutex
	answers := map[string]string{}
	for round := range 3 {
		p := start(t, data, addr)
		var work sync.WaitGroup
		enough := make(chan struct{}, 1000)
		for w := range 16 {
			work.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d-%d-%d", round, w, i)
					answer, err := send(t.Context(), addr, key)
					if err != nil {
						return
					}
					mu.Lock()
					answers[key] = answer
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 300 {
			<-enough
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		work.Wait()
		_ = p.cmd.Wait()
	}
	start(t, data, addr)
	for key, answer := range answers {
		if again, err := send(t.Context(), addr, key); err != nil || again != answer {
			t.Fatalf("%s was answered %s, then %s, %v", key, answer, again, err)
		}
	}
	checkLedger(t, filepath.Join(data, "ledger.jsonl"), len(answers))
}

func checkLedger(t *testing.T, path string, atLeast int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	seen := map[string]bool{}
	ids := map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e struct{ ID, Key string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if seen[e.Key] || ids[e.ID] {
			t.Errorf("twice in the ledger: %s %s", e.Key, e.ID)
		}
		seen[e.Key], ids[e.ID] = true, true
	}
	if len(seen) < atLeast {
		t.Errorf("%d in the ledger, %d answered", len(seen), atLeast)
	}
}

// What happened while the receiver was away is told by the program that is started next, however the one before ended.
func TestKilledBeforeWebhook(t *testing.T) {
	data, addr, hook := t.TempDir(), freeAddr(t), freeAddr(t)
	settings := []string{"WEBHOOK_URL=http://" + hook + "/", "WEBHOOK_SECRET=s", "WEBHOOK_EVERY=5ms"}
	p := start(t, data, addr, settings...)
	for i := range 5 {
		if _, err := send(t.Context(), addr, fmt.Sprint("key-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	bodies := make(chan string, 100)
	l, err := net.Listen("tcp", hook)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
	})}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	start(t, data, addr, settings...)
	select {
	case body := <-bodies:
		for i := range 5 {
			if want := fmt.Sprintf(`"key":"key-%d"`, i); strings.Count(body, want) != 1 {
				t.Errorf("no %s in %s", want, body)
			}
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no webhook")
	}
}

// SIGTERM ends it with 0, also after requests that hung; without an API key it does not start.
func TestLife(t *testing.T) {
	p := start(t, t.TempDir(), freeAddr(t))
	for range 2 { // nobody waits for these for as long as the provider would hold them
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		body := `{"amount_minor":5,"currency":"EUR","payment_method":"pm_timeout_before","reference":"r"}`
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.addr+"/v1/authorizations", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer k")
		r.Header.Set("Idempotency-Key", "hangs")
		if answer, err := http.DefaultClient.Do(r); err == nil {
			t.Errorf("status %d", answer.StatusCode)
			_ = answer.Body.Close()
		}
		cancel()
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	cmd := exec.Command(binary)
	cmd.Env = []string{"DATA_DIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitUsage || !bytes.Contains(out, []byte("API_KEY")) {
		t.Errorf("without an API key: %v %s", err, out)
	}
	cmd = exec.Command(binary)
	cmd.Env = []string{"DATA_DIR=" + t.TempDir(), "API_KEY=k", "WEBHOOK_URL=http://127.0.0.1:1/"}
	out, err = cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitUsage || !bytes.Contains(out, []byte("WEBHOOK_SECRET")) {
		t.Errorf("without a secret for webhooks: %v %s", err, out)
	}
}
