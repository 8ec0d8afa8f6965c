package overload

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/load"
)

// run makes answers of ten orders a second. took is what each second's take; a negative one is shed. The orders end as soon as
// the tap reads it, which is now.
func run(begin time.Time, ends *load.Ends, took ...time.Duration) (answers []Answer) {
	for n, d := range took {
		for k := range 10 {
			a := Answer{Kind: Place, Sent: begin.Add(time.Duration(n)*time.Second + time.Duration(k)*100*time.Millisecond), Took: d, Order: uuid.New()}
			if d < 0 {
				a.Outcome = Shed
			} else {
				ends.See(&kgo.Record{Key: []byte(a.Order.String()), Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("OrderCompleted.v1")}}})
			}
			answers = append(answers, a)
		}
	}
	return answers
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	const quick, slow, shed = 10 * time.Millisecond, 50 * time.Millisecond, -1
	before := Phase{Accepting: load.Times{P50: 10}, Ending: load.Times{P50: 1e9}}
	for name, c := range map[string]struct {
		took []time.Duration
		want time.Duration // negative: not seen
	}{
		"at once":           {[]time.Duration{quick, quick, quick, quick, quick}, 0},
		"refusing at first": {[]time.Duration{shed, shed, quick, quick, quick, quick, quick}, 2 * time.Second},
		"slow for a while":  {[]time.Duration{quick, slow, quick, quick, quick, quick, quick}, 2 * time.Second},
		"never":             {[]time.Duration{quick, quick, slow, quick, quick, slow, quick, quick, quick, quick}, -1},
		"not watched":       {[]time.Duration{quick, quick, quick, quick}, -1},
	} {
		begin, ends := time.Now().Add(-time.Hour), load.NewEnds()
		got, ok := Recovery(run(begin, ends, c.took...), begin, before, ends)
		if ok != (c.want >= 0) || ok && got != c.want {
			t.Errorf("%s: %s, %t, want %s", name, got, ok, c.want)
		}
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	begin, ends := time.Now(), load.NewEnds()
	answers := run(begin, ends, time.Millisecond, -1)
	answers[0].Order = uuid.New() // never ends: it does not count
	answers[19].Took = 200 * time.Millisecond
	p := Summarize(answers, 2*time.Second, ends)
	if p.Offered != 20 || p.Accepted != 9 || p.Shed != 10 || p.Goodput != 4.5 || p.SlowShed != 1 || p.Shedding.Max != 200 || p.Accepting.P50 != 1 {
		t.Errorf("%+v", p)
	}
}

// What is refused must say so properly.
func TestJudge(t *testing.T) {
	t.Parallel()
	const overloaded = `{"type":"/problems/overloaded"}`
	refusal := func(status int, body string) error {
		return fmt.Errorf("POST: %w", &load.StatusError{Status: status, Body: body})
	}
	header := func(after string) http.Header { return http.Header{"Retry-After": {after}} }
	for name, c := range map[string]struct {
		header http.Header
		err    error
		want   Outcome
	}{
		"accepted":             {header(""), nil, Done},
		"shed":                 {header("2"), refusal(503, overloaded), Shed},
		"no Retry-After":       {http.Header{}, refusal(503, overloaded), Broken},
		"Retry-After in vain":  {header("0"), refusal(503, overloaded), Broken},
		"another problem":      {header("2"), refusal(503, `{"type":"/problems/unavailable"}`), Broken},
		"no problem":           {header("2"), refusal(503, `busy`), Broken},
		"another status":       {header("2"), refusal(500, overloaded), Broken},
		"no answer":            {header(""), errors.New("connection reset"), Broken},
		"may not be refused":   {nil, refusal(503, overloaded), Broken},
		"of what has no limit": {nil, nil, Done},
	} {
		if got, _ := judge(c.header, c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// An open loop calls as often as it should, however long the calls take.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	all := make(chan struct{})
	load.Open(t.Context(), 1000, 50*time.Millisecond, func(int, time.Time) {
		if n.Add(1) == 50 {
			close(all)
		}
		<-all
	})
	if n.Load() != 50 {
		t.Errorf("%d calls, want 50", n.Load())
	}
}
