package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ordersaga.internal/services/provider/internal/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, observe ledger.Observer) (*ledger.Ledger, []string) {
	t.Helper()
	var lines []string
	l, err := ledger.Open(path, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	}, observe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, lines
}

// Many appenders share few syncs, every line is there after its ticket, and a reopened ledger replays them in order.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	var syncs, covered atomic.Int64
	l, _ := open(t, path, func(_ time.Duration, lines int) { syncs.Add(1); covered.Add(int64(lines)) })
	const writers, each = 50, 20
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for i := range each {
				if err := l.Append(fmt.Appendf(nil, "%d-%d", w, i)).Wait(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	if covered.Load() != writers*each || syncs.Load() >= writers*each {
		t.Errorf("%d syncs covered %d lines", syncs.Load(), covered.Load())
	}
	r, err := l.Read()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	written := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	_, replayed := open(t, path, nil)
	if len(written) != writers*each || !slices.Equal(written, replayed) {
		t.Errorf("wrote %d lines, replayed %d", len(written), len(replayed))
	}
}

// Lines come whole, from where the last ones ended.
func TestLines(t *testing.T) {
	t.Parallel()
	l, _ := open(t, filepath.Join(t.TempDir(), "ledger"), nil)
	for i := range 10 {
		if err := l.Append(fmt.Appendf(nil, "line %d", i)).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	for from := int64(0); from < l.Size(); {
		lines, err := l.Lines(from, 20) // two and a half
		if err != nil || len(lines) != 14 {
			t.Fatalf("from %d: %q, %v", from, lines, err)
		}
		got.Write(lines)
		from += int64(len(lines))
	}
	if want := "line 0\nline 1\n"; !strings.HasPrefix(got.String(), want) || strings.Count(got.String(), "\n") != 10 {
		t.Errorf("read %q", got.String())
	}
	if lines, err := l.Lines(l.Size(), 20); lines != nil || err != nil {
		t.Errorf("at the end: %q, %v", lines, err)
	}
	if lines, err := l.Lines(0, 3); err == nil {
		t.Errorf("a line that does not fit: %q", lines)
	}
}

func TestTornLastLineIsCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, []byte("one\ntwo\nthr"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, lines := open(t, path, nil)
	if !slices.Equal(lines, []string{"one", "two"}) {
		t.Fatalf("replayed %q", lines)
	}
	if err := l.Append([]byte("three")).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "one\ntwo\nthree\n" {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestUnreadableLineIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := errors.New("bad")
	_, err := ledger.Open(path, func([]byte) error { return bad }, nil)
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("error %v", err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	l, _ := open(t, filepath.Join(t.TempDir(), "ledger"), nil)
	last := l.Append([]byte("last"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := last.Wait(t.Context()); err != nil {
		t.Errorf("what was appended before: %v", err)
	}
	if err := l.Append([]byte("late")).Wait(t.Context()); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("what was appended after: %v", err)
	}
}
