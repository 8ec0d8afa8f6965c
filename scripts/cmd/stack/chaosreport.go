package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"ordersaga.internal/scripts/internal/chaos"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// chaosReport is what a run prints.
type chaosReport struct {
	Seed       uint64                       `json:"seed"`
	Kafka      string                       `json:"kafka"`
	Seconds    float64                      `json:"seconds"`
	Faults     []chaos.Count                `json:"faults"`
	Void       []chaos.Kind                 `json:"never_fired"`
	Accepted   int                          `json:"accepted"`
	Completed  int                          `json:"completed"`
	Rejected   int                          `json:"rejected"`
	Cancelled  int                          `json:"cancelled"`
	NotEnded   int                          `json:"not_ended"`
	Unanswered int                          `json:"requests_never_answered"`
	Repeated   int                          `json:"requests_repeated"`
	GivenUp    map[string]int               `json:"given_up_at_a_deadline"`
	ByKind     map[load.Kind]map[string]int `json:"ends_by_kind"`
	Storms     []string                     `json:"storms_released"`
	Records    int64                        `json:"records"`
	Repeats    int64                        `json:"records_repeated"`
	Ledger     int64                        `json:"ledger_lines"`
	Excused    map[string]int               `json:"excused_by_cause"`
	Violations []string                     `json:"violations"`
	Notes      []string                     `json:"notes"`
}

// judge looks at everything once nothing moves any more.
func (r *chaosReport) judge(ctx context.Context, s *stack.Stack, crowd *load.Crowd) error {
	l := crowd.Log()
	r.Accepted, r.NotEnded, r.Unanswered, r.Repeated, r.GivenUp, r.ByKind = l.Accepted, l.Accepted-l.Ended, l.Failed, l.Repeats, l.GivenUp, l.ByKind
	for _, ends := range l.ByKind {
		r.Completed += ends["OrderCompleted"]
		r.Rejected += ends["OrderRejected"]
		r.Cancelled += ends["OrderCancelled"]
	}
	r.neverFired()
	r.Violations = l.Wrong
	for _, err := range l.Failures {
		r.Violations = append(r.Violations, "a request never got its answer: "+err.Error())
	}
	v, err := independently(ctx, s, crowd, func(text string) { fmt.Fprintln(os.Stderr, text) })
	if err != nil {
		r.Violations = append(r.Violations, "the checker has no verdict: "+err.Error())
		return ctx.Err()
	}
	r.Records, r.Repeats, r.Ledger, r.Excused = v.Records, v.Repeats, v.Ledger, v.Excused
	for _, violation := range v.Violations {
		r.Violations = append(r.Violations, violation.String())
	}
	excused := 0
	for cause, n := range v.Excused {
		excused += n
		r.Notes = append(r.Notes, fmt.Sprintf("%d orders are not as finished ones are, and alert: %s", n, cause))
	}
	if r.NotEnded > excused {
		r.Violations = append(r.Violations, fmt.Sprintf("%d orders did not end, for no cause that alerts; for one %s", r.NotEnded-excused, crowd.Open()[0]))
	}
	found, err := untold(ctx, s, crowd)
	r.Violations = append(r.Violations, found...)
	return err
}

// neverFired notes the kinds that make the run void.
func (r *chaosReport) neverFired() {
	for _, c := range r.Faults {
		if c.Fired == 0 && c.Not == "" {
			r.Void = append(r.Void, c.Kind)
		}
	}
}

// verdict is the error of a run that does not hold, or proves nothing.
func (r *chaosReport) verdict() error {
	var errs []error
	if n := len(r.Violations); n > 0 {
		errs = append(errs, fmt.Errorf("does not hold: %d violations", n))
	}
	if len(r.Void) > 0 {
		errs = append(errs, fmt.Errorf("void: never happened: %v", r.Void))
	}
	return errors.Join(errs...)
}

func (r *chaosReport) print(out io.Writer, format string) error {
	if format == "json" {
		return printJSON(out, r)
	}
	fmt.Fprintf(out, "\n%-18s %8s %8s\n", "fault", "started", "fired")
	for _, c := range r.Faults {
		fmt.Fprintf(out, "%-18s %8d %8d  %s\n", c.Kind, c.Started, c.Fired, c.Not)
	}
	printEnds(out, load.Kinds(), r.ByKind)
	fmt.Fprintf(out, "%-18s %9d %9d %9d %9d  of %d accepted in %.0f s\n", "all", r.Completed, r.Rejected, r.Cancelled, r.NotEnded, r.Accepted, r.Seconds)
	fmt.Fprintf(out, "\nrequests repeated %d, never answered %d; orders given up at a deadline though nothing was wrong with them %v\n",
		r.Repeated, r.Unanswered, r.GivenUp)
	for _, n := range r.Notes {
		fmt.Fprintln(out, "note:", strings.TrimSpace(n))
	}
	for _, step := range r.Storms {
		fmt.Fprintf(out, "an operator released the deadline storm of %s\n", step)
	}
	fmt.Fprintf(out, "seed %d: the checker read %d records (%d of them repeats) and %d lines of the ledger: %d violations\n",
		r.Seed, r.Records, r.Repeats, r.Ledger, len(r.Violations))
	for i, v := range r.Violations {
		if i == 40 {
			fmt.Fprintf(out, "   … and %d more\n", len(r.Violations)-i)
			break
		}
		fmt.Fprintln(out, "  ", v)
	}
	return nil
}
