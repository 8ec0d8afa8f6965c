package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
	"ordersaga.internal/scripts/internal/upgrade"
)

// upgradeReport is what a run prints.
type upgradeReport struct {
	Earlier    string                       `json:"earlier_commit"`
	Plain      bool                         `json:"plain"`
	Seed       uint64                       `json:"seed"`
	Kafka      string                       `json:"kafka"`
	Seconds    float64                      `json:"seconds"`
	Swaps      []upgrade.Swap               `json:"replaced"`
	Migrations map[string][2]int64          `json:"migrations"` // newest before and after
	Accepted   int                          `json:"accepted"`
	NotEnded   int                          `json:"not_ended"`
	Unanswered int                          `json:"requests_never_answered"`
	Repeated   map[string]int               `json:"requests_repeated"` // by what came of them before
	Accepting  load.Times                   `json:"to_accepted"`
	Ending     load.Times                   `json:"to_end"`
	ByKind     map[load.Kind]map[string]int `json:"ends_by_kind"`
	Records    int64                        `json:"records"`
	Violations []string                     `json:"violations"`
}

// judge looks at everything once nothing moves any more.
func (r *upgradeReport) judge(ctx context.Context, s *stack.Stack, crowd *load.Crowd) error {
	l := crowd.Log()
	r.Accepted, r.NotEnded, r.Unanswered, r.Repeated = l.Accepted, l.Accepted-l.Ended, l.Failed, l.Causes
	r.Accepting, r.Ending, r.ByKind = l.Accepting, l.Ending, l.ByKind
	r.Violations = append(r.Violations, asClientsSee(l)...)
	v, err := independently(ctx, s, crowd, func(text string) { fmt.Fprintln(os.Stderr, text) })
	if err != nil {
		r.Violations = append(r.Violations, "the checker has no verdict: "+err.Error())
		return ctx.Err()
	}
	r.Records = v.Records
	r.Violations = append(r.Violations, against(v)...)
	found, err := untold(ctx, s, crowd)
	r.Violations = append(r.Violations, found...)
	return err
}

// asClientsSee is what customers have against a roll: they may be refused for a moment, because a replica is away or full, and
// nothing else.
func asClientsSee(l load.Log) []string {
	wrong := slices.Clone(l.Wrong)
	for _, err := range l.Failures {
		wrong = append(wrong, "a request never got its answer: "+err.Error())
	}
	if open := l.Accepted - l.Ended; open > 0 {
		wrong = append(wrong, fmt.Sprintf("%d accepted orders did not end", open))
	}
	for _, what := range slices.Sorted(maps.Keys(l.GivenUp)) {
		wrong = append(wrong, fmt.Sprintf("%d orders were given up at a deadline though nothing was wrong with them: %s", l.GivenUp[what], what))
	}
	if n := l.Causes[load.Answered(http.StatusInternalServerError)]; n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d requests were answered with an internal error", n))
	}
	return wrong
}

// verdict is the error of a run that does not hold.
func (r *upgradeReport) verdict() error {
	if n := len(r.Violations); n > 0 {
		return fmt.Errorf("does not hold: %d violations", n)
	}
	return nil
}

func (r *upgradeReport) print(out io.Writer, format string) error {
	if format == "json" {
		return printJSON(out, r)
	}
	placed := slices.DeleteFunc(load.Kinds(), func(k load.Kind) bool { return len(r.ByKind[k]) == 0 })
	printEnds(out, placed, r.ByKind)
	fmt.Fprintf(out, "%-18s %d accepted, %d of them not ended; %d replacements in %.0f s\n\n", "all", r.Accepted, r.NotEnded, len(r.Swaps), r.Seconds)
	for _, table := range slices.Sorted(maps.Keys(r.Migrations)) {
		fmt.Fprintf(out, "%-36s migration %d, then %d\n", table, r.Migrations[table][0], r.Migrations[table][1])
	}
	fmt.Fprintf(out, "\nrequests repeated %v, never answered %d\n", r.Repeated, r.Unanswered)
	for _, t := range []struct {
		name string
		load.Times
	}{{"from the first request to the 202", r.Accepting}, {"to the order's end", r.Ending}} {
		fmt.Fprintf(out, "%-34s p50 %.0f ms, p99 %.0f ms, most %.0f ms\n", t.name, t.P50, t.P99, t.Max)
	}
	fmt.Fprintf(out, "%.12s → this checkout → %.12s: the checker read %d records: %d violations\n", r.Earlier, r.Earlier, r.Records, len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintln(out, "  ", v)
	}
	return nil
}
