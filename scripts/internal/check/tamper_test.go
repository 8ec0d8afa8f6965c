package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/check"
)

// The lives of testdata/lives.gz, in the order in which they were placed: see scripts/e2e/lives, which makes it.
const (
	completes = iota
	flaps
	answerLost
	declined
	soldOut
	captureRefused
	damaged
	cancelled     // while the authorisation was on its way
	cancelledLate // while the capture was
	cancelledTooLate
	sentAgain
	unknown
	surfaced
	owedRetried
	waived
	owed         // for ever
	deadLettered // for ever
)

// history is a recording of its own, to tamper with.
type history struct {
	*check.Recording
	t *testing.T
}

// recorded returns the clean history.
func recorded(t *testing.T) *history {
	t.Helper()
	raw, err := os.ReadFile("testdata/lives.gz")
	require.NoError(t, err)
	r, err := check.ReadRecording(bytes.NewReader(raw))
	require.NoError(t, err)
	return &history{r, t}
}

// judge returns the verdict.
func (h *history) judge(o check.Options) *check.Verdict {
	h.t.Helper()
	o.Inputs = h.Told
	v, err := check.Judge(context.Background(), h.Recording, o)
	require.NoError(h.t, err)
	return v
}

func (h *history) order(life int) check.ID    { return h.Told.Accepted[life] }
func (h *history) rows(life int) *check.Rows  { return h.Tables[h.order(life)] }
func header(r *check.Record, k string) string { return r.Headers[at(r, k)].Value }

func at(r *check.Record, key string) int {
	return slices.IndexFunc(r.Headers, func(h check.Header) bool { return h.Key == key })
}

func set(r *check.Record, key, value string) { r.Headers[at(r, key)].Value = value }

func unset(r *check.Record, key string) {
	r.Headers = slices.Delete(r.Headers, at(r, key), at(r, key)+1)
}

// record returns the first record of a type of a life.
func (h *history) record(life int, name string) *check.Record {
	h.t.Helper()
	i := h.index(life, name)
	require.GreaterOrEqual(h.t, i, 0, "no %s", name)
	return h.Log[i]
}

func (h *history) index(life int, name string) int {
	return slices.IndexFunc(h.Log, func(r *check.Record) bool {
		return r.Key == h.order(life).String() && header(r, "ce_type") == name+".v1"
	})
}

// drop takes every record of a type of a life out of the log.
func (h *history) drop(life int, name string) {
	h.record(life, name)
	for i := h.index(life, name); i >= 0; i = h.index(life, name) {
		h.Log = slices.Delete(h.Log, i, i+1)
	}
}

// append adds a copy of a record at the end of its partition, changed.
func (h *history) append(r *check.Record, change func(*check.Record)) *check.Record {
	own := *r
	own.Headers, own.Value = slices.Clone(r.Headers), slices.Clone(r.Value)
	if change != nil {
		change(&own)
	}
	end := &h.Resting.Ends[own.Topic][own.Partition]
	for i := range h.Resting.Positions {
		if p := &h.Resting.Positions[i]; p.Topic == own.Topic && p.Partition == own.Partition {
			p.Next = *end + 1
		}
	}
	own.Offset = *end
	own.At += 60_000
	*end++
	h.Log = append(h.Log, &own)
	return &own
}

// swap lets two records change places.
func (h *history) swap(a, b *check.Record) {
	i, j := slices.Index(h.Log, a), slices.Index(h.Log, b)
	h.Log[i], h.Log[j] = b, a
	a.Offset, b.Offset = b.Offset, a.Offset
	a.At, b.At = b.At, a.At
}

// reword changes what a record says, everywhere it is kept.
func (h *history) reword(life int, name, old, new string) {
	r := h.record(life, name)
	require.Contains(h.t, string(r.Value), old)
	r.Value = bytes.ReplaceAll(r.Value, []byte(old), []byte(new))
	for i := range h.rows(life).Fence {
		if f := &h.rows(life).Fence[i]; f.Type == name+".v1" {
			f.Data = strings.ReplaceAll(f.Data, old, new)
		}
	}
}

// entry returns the ledger's line of an operation and outcome of a life, decoded, and what puts it back.
func (h *history) entry(life int, operation, outcome string) (e map[string]any, put func()) {
	h.t.Helper()
	for i, line := range h.Lines {
		require.NoError(h.t, json.Unmarshal([]byte(line), &e))
		if e["reference"] == h.order(life).String() && e["operation"] == operation && e["outcome"] == outcome {
			found := maps.Clone(e)
			return found, func() { h.Lines[i] = encode(h.t, found) }
		}
		clear(e)
	}
	h.t.Fatalf("no %s %s", operation, outcome)
	return nil, nil
}

// enter adds a line to the ledger.
func (h *history) enter(e map[string]any, id string) {
	e["id"] = id
	h.Lines = append(h.Lines, encode(h.t, e))
}

// strike takes a line out of the ledger.
func (h *history) strike(life int, operation, outcome string) {
	e, _ := h.entry(life, operation, outcome)
	h.Lines = slices.DeleteFunc(h.Lines, func(line string) bool { return strings.Contains(line, `"id":"`+e["id"].(string)+`"`) })
}

func encode(t *testing.T, e map[string]any) string {
	t.Helper()
	line, err := json.Marshal(e)
	require.NoError(t, err)
	return string(line)
}

// operation is payment's row of a life.
func (h *history) operation(life int, kind string) *check.OperationRow {
	for i := range h.rows(life).Operations {
		if r := &h.rows(life).Operations[i]; r.Kind == kind {
			return r
		}
	}
	h.t.Fatalf("no %s", kind)
	return nil
}

// stock is the warehouse's row of a SKU.
func (h *history) stock(sku string) *check.StockRow {
	i := slices.IndexFunc(h.Common.Stock, func(r check.StockRow) bool { return r.SKU == sku })
	return &h.Common.Stock[i]
}

// line is the history's line of an input.
func (h *history) line(life int, input string) *check.HistoryRow {
	i := slices.IndexFunc(h.rows(life).History, func(r check.HistoryRow) bool { return r.Type == input })
	require.GreaterOrEqual(h.t, i, 0, "no %s", input)
	return &h.rows(life).History[i]
}

// memory is a participant's row of an operation.
func (h *history) memory(life int, operation string, undo bool) *check.FenceRow {
	i := slices.IndexFunc(h.rows(life).Fence, func(r check.FenceRow) bool { return r.Operation == operation && r.Undo == undo })
	require.GreaterOrEqual(h.t, i, 0, "no %s", operation)
	return &h.rows(life).Fence[i]
}

// letter sets a message of a life aside in a group.
func (h *history) letter(life int, group, name string) {
	r, id := h.record(life, name), h.order(life)
	h.Common.Letters = append(h.Common.Letters, check.Letter{
		Group: group, Subject: &id, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Reason: "undecidable", Type: name + ".v1",
	})
	h.Common.Heads = append(h.Common.Heads, check.Head{Group: group, Subject: id})
}

// invariants are those that a verdict says are violated.
func invariants(v *check.Verdict) string {
	names := []string{}
	for i := range v.Counts {
		names = append(names, string(i))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// other is an id that nothing knows.
const other = "0199b1de-7c1e-7aaa-8bbb-0123456789ab"
