package webhooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"ordersaga.internal/services/provider/internal/ledger"
	"ordersaga.internal/services/provider/internal/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver takes webhooks, or refuses them while refusing is set.
type receiver struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	refusing bool
	refused  int
	got      []int // the n of each entry, in order of first appearance
	header   string
	body     []byte
	took     chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, took: make(chan struct{}, 1)}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		select {
		case r.took <- struct{}{}:
		default:
		}
	}()
	if r.refusing {
		r.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var err error
	if r.body, err = io.ReadAll(q.Body); err != nil {
		r.t.Error(err)
	}
	var items struct {
		Items []struct{ N int }
	}
	if err := json.Unmarshal(r.body, &items); err != nil {
		r.t.Errorf("%s: %v", r.body, err)
	}
	for _, i := range items.Items {
		if !slices.Contains(r.got, i.N) { // cut off after it was taken, a webhook comes again
			r.got = append(r.got, i.N)
		}
	}
	r.header = q.Header.Get(webhooks.SignatureHeader)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) refuse(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = yes
}

// until waits for the condition, looking after each webhook.
func (r *receiver) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.took:
		case <-deadline:
			r.t.Fatalf("no %s; got %v", what, r.got)
		}
	}
}

func (r *receiver) expect(want ...int) {
	r.t.Helper()
	r.until(fmt.Sprint(want), func() bool { return len(r.got) >= len(want) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.got, want) {
		r.t.Fatalf("got %v, want %v", r.got, want)
	}
}

type desk struct {
	*testing.T

	folder string
	ledger *ledger.Ledger
	n      int
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, folder: t.TempDir()}
	l, err := ledger.Open(filepath.Join(d.folder, "ledger"), func([]byte) error { return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.ledger = l
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// happen appends entries {"n":1}, {"n":2}, …
func (d *desk) happen(times int) {
	d.Helper()
	for range times {
		d.n++
		if err := d.ledger.Append(fmt.Appendf(nil, `{"n":%d}`, d.n)).Wait(d.Context()); err != nil {
			d.Fatal(err)
		}
	}
}

// run starts a sender. The returned function stops it.
func (d *desk) run(urls ...string) (stop func()) {
	d.Helper()
	s, err := webhooks.New(d.ledger, prometheus.NewRegistry(), slog.New(slog.DiscardHandler), webhooks.Config{
		URLs: urls, Secrets: []string{"new", "old"}, Every: 2 * time.Millisecond, Folder: d.folder,
	})
	if err != nil {
		d.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.Context()))
	var work sync.WaitGroup
	work.Go(func() { s.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); work.Wait() })
	d.Cleanup(stop)
	return stop
}

// What happens while the receiver refuses, or while nobody sends, is delivered afterwards, in order; what
// happened before there were webhooks is not.
func TestDelivery(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	d.happen(3)
	stop := d.run(r.server.URL)
	d.happen(2)
	r.expect(4, 5)
	r.refuse(true)
	d.happen(2)
	r.until("refused webhooks", func() bool { return r.refused >= 3 })
	r.refuse(false)
	r.expect(4, 5, 6, 7)
	stop()
	d.happen(1)
	d.run(r.server.URL)
	d.happen(1)
	r.expect(4, 5, 6, 7, 8, 9)
}

// A cursor that makes no sense means that everything is told again.
func TestLostCursor(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{"", "x", "-1", "999999"} {
		d, r := newDesk(t), newReceiver(t)
		d.happen(2)
		if err := os.WriteFile(filepath.Join(d.folder, "webhooks.cursor"), []byte(cursor), 0o600); err != nil {
			t.Fatal(err)
		}
		d.run(r.server.URL)
		r.expect(1, 2)
	}
}

// The receiver's second replica is tried where the first does not answer.
func TestSecondReplica(t *testing.T) {
	t.Parallel()
	d, dead, r := newDesk(t), newReceiver(t), newReceiver(t)
	d.run(dead.server.URL, r.server.URL)
	dead.server.Close()
	d.happen(2)
	r.until("entries", func() bool { return len(r.got) >= 2 })
}

// More than fits into one webhook comes in several.
func TestManyEntries(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	stop := d.run(r.server.URL)
	stop()
	var last ledger.Ticket
	for i := range 3_000 {
		last = d.ledger.Append(fmt.Appendf(nil, `{"n":%d,"padding":%q}`, i, strings.Repeat("x", 200)))
	}
	if err := last.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.run(r.server.URL)
	r.until("all entries", func() bool { return len(r.got) >= 3_000 })
	for i, n := range r.got {
		if n != i {
			t.Fatalf("entry %d is %d", i, n)
		}
	}
}

// Each secret's signature is there, over the time and the body.
func TestSignature(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	d.run(r.server.URL)
	d.happen(1)
	r.expect(1)
	at, signatures, _ := strings.Cut(strings.TrimPrefix(r.header, "t="), ",")
	var want []string
	for _, secret := range []string{"new", "old"} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(at + "." + string(r.body)))
		want = append(want, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	if signatures != strings.Join(want, ",") {
		t.Errorf("header %q, want the signatures %v", r.header, want)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, c := range []webhooks.Config{
		{}, {URLs: []string{"http://x"}}, {Secrets: []string{"s"}}, {URLs: []string{"x"}, Secrets: []string{"s"}},
	} {
		if _, err := webhooks.New(d.ledger, prometheus.NewRegistry(), nil, c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
