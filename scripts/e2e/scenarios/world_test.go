package scenarios

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/e2e/people"
	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// world is the stack, the people around it, and what the checker has to be told.
type world struct {
	*people.People

	goods   []check.Goods // beyond the seed
	refused []string      // keys of requests that were refused, and never taken
}

// holds waits until the system is at rest, and judges all that happened on it since it began: every order that was taken
// has ended, and every invariant of DESIGN, section 11, holds. Every test ends with it.
func (w *world) holds(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return // that says more
	}
	w.Clear(t)
	goods, err := w.Addresses().Goods()
	require.NoError(t, err)
	task := read.Task{Wait: time.Minute, Tell: func(s string) { t.Log(s) }}
	task.Inputs = check.Inputs{Goods: append(goods, w.goods...), Refused: w.refused}
	for _, id := range w.Placed {
		task.Inputs.Accepted = append(task.Inputs.Accepted, check.ID(id))
	}
	v, err := read.Check(t.Context(), w.Addresses(), task)
	require.NoError(t, err)
	require.Empty(t, v.Violations)
	require.Zero(t, v.Outcomes["open"], "orders without an end")
}

// commands are the process manager's to an order, in the order in which they were first sent, without their versions.
func (w *world) commands(id uuid.UUID) (names []string) {
	return w.messages(id, "/services/processmanager")
}

// messages are those of a source about an order, each once, in the order of their sequence.
func (w *world) messages(id uuid.UUID, source string) (names []string) {
	first := map[string]*kgo.Record{}
	for _, r := range w.Said(id) {
		if load.Header(r, "ce_source") == source && load.Header(r, "ce_attempt") <= "1" {
			first[load.Header(r, "ce_sequence")] = r
		}
	}
	for _, r := range sorted(first) {
		names = append(names, load.Name(r))
	}
	return names
}

func sorted(bySequence map[string]*kgo.Record) (records []*kgo.Record) {
	for _, r := range bySequence {
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		return cmp.Compare(load.Header(a, "ce_sequence"), load.Header(b, "ce_sequence"))
	})
	return records
}

// moved is what the provider really did for an order: the operation, and how much it moved.
func (w *world) moved(t *testing.T, id uuid.UUID) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, e := range w.Ledger(t, id) {
		if e.Outcome == "succeeded" && e.AmountMinor > 0 {
			out[e.Operation] += e.AmountMinor
		}
	}
	return out
}

// total is what an order costs.
func (w *world) total(t *testing.T, id uuid.UUID) int64 {
	t.Helper()
	return int64(w.Count(t, "orders", "SELECT total_minor FROM orders WHERE order_id = $1", id))
}

// unanswered waits until so many calls of an operation ended without an answer.
func (w *world) unanswered(t *testing.T, id uuid.UUID, kind string, calls int) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		return w.Count(t, "payments", "SELECT coalesce(sum(attempts), 0) FROM operation WHERE order_id = $1 AND kind = $2", id, kind) >= calls
	}, "calls without an answer")
}

// overdue brings the deadlines of orders forward to now. The process managers look at them every few seconds.
func (w *world) overdue(t *testing.T, ids ...uuid.UUID) {
	t.Helper()
	w.SQL(t, "processmanager", "UPDATE instance SET deadline = now() WHERE order_id = ANY($1) AND deadline IS NOT NULL", ids)
}

// kill ends a program with SIGKILL.
func kill(t *testing.T, p *stack.Program) {
	t.Helper()
	require.NoError(t, p.Process().Kill())
	<-p.Process().Done()
}

// start runs a program again.
func start(t *testing.T, p *stack.Program) {
	t.Helper()
	require.NoError(t, p.Start())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, p.WaitReady(ctx))
}

// status is the HTTP status of an error, 0 where there was no answer.
func status(err error) int {
	var s *load.StatusError
	if errors.As(err, &s) {
		return s.Status
	}
	return 0
}

// metric reads a sample from a program's admin port: its name with its labels, as the program spells them.
func metric(t *testing.T, p *stack.Program, sample string) (value float64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.AdminAddr+"/metrics", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	for _, found := range regexp.MustCompile("(?m)^"+sample+` (\S+)$`).FindAllSubmatch(body, -1) {
		n, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		value += n
	}
	return value
}

// all is the content of a file.
func all(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}
