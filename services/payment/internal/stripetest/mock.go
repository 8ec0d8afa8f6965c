// Package stripetest stands in for Stripe, which cannot be had here, in two ways. Mock is stripe-mock, Stripe's own program: it
// holds every request against Stripe's OpenAPI document and answers with documented examples, but keeps nothing. Imitation
// is ours: it adds the states that Stripe documents, behind stripe-mock, so that no request passes that Stripe's document
// does not allow. Neither is the real service.
package stripetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	mockModule  = "github.com/stripe/stripe-mock"
	mockVersion = "v0.203.0"
)

// Key is an API key as stripe-mock accepts it.
const Key = "sk_test_123"

// Mock returns the URL of a stripe-mock, one for the test process.
func Mock(t testing.TB) string {
	t.Helper()
	url, err := mock()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

var mock = sync.OnceValues(func() (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("start stripe-mock: %w", err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("start stripe-mock: %w", err)
	}
	// It would listen for HTTPS on all addresses unless told otherwise.
	if err := start(exec.Command(path, "-http-addr", addr, "-https-addr", "127.0.0.1:0")); err != nil {
		return "", fmt.Errorf("start stripe-mock: %w", err)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-ticker.C { // it reads Stripe's document first
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return "http://" + addr, conn.Close()
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("stripe-mock does not listen: %w", err)
		}
	}
})

// binary builds stripe-mock once for this user, as scripts/lint does with the linter.
func binary() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	folder := filepath.Join(cache, "ordersaga", "stripe-mock-"+mockVersion)
	path := filepath.Join(folder, "stripe-mock")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fresh, err := os.MkdirTemp("", "stripe-mock-*")
	if err != nil {
		return "", fmt.Errorf("build stripe-mock: %w", err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // a leftover does no harm
	install := exec.Command("go", "install", mockModule+"@"+mockVersion)
	install.Dir = fresh
	install.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOBIN="+fresh)
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build stripe-mock: %w\n%s", err, out)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("install stripe-mock: %w", err)
	}
	built, err := os.ReadFile(filepath.Join(fresh, "stripe-mock"))
	if err != nil {
		return "", fmt.Errorf("install stripe-mock: %w", err)
	}
	own := fmt.Sprintf("%s-%d", path, os.Getpid()) // other test processes may install it at the same time
	if err := os.WriteFile(own, built, 0o755); err != nil {
		return "", fmt.Errorf("install stripe-mock: %w", err)
	}
	if err := os.Rename(own, path); err != nil {
		return "", fmt.Errorf("install stripe-mock: %w", err)
	}
	return path, nil
}
