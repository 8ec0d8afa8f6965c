package testkit

import (
	"testing"
	"time"
)

// Patience is how long Eventually waits.
const Patience = 30 * time.Second

// Eventually waits until cond holds, asking every 5 ms, and fails the test at once if it does not within Patience. what
// says what for: the words follow "not within 30s: ". For a test's own goroutine only.
func Eventually(t testing.TB, cond func() bool, what ...string) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", Patience, what)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the test ended while it waited: %v", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
