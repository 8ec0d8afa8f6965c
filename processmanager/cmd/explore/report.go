package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ordersaga.internal/processmanager/internal/fulfilment/exploration"
	"ordersaga.internal/processmanager/saga/explore"
)

// report is what was found, as -o json prints it.
type report struct {
	Faults         int             `json:"faults"` // the budget
	Holds          bool            `json:"holds"`
	States         int             `json:"states"`
	Transitions    int             `json:"transitions"`
	Levels         []explore.Level `json:"by_faults"`
	Seconds        float64         `json:"seconds"`
	CellsReached   int             `json:"cells_reached"`
	CellsUnreached int             `json:"cells_unreached"` // each for a stated reason
	CellsWrong     []string        `json:"cells_wrong"`
	EndsWrong      []string        `json:"ends_wrong"` // one decision, different ends
	StuckFor       []string        `json:"stuck_for"`
	Violation      *violation      `json:"violation"`
}

type violation struct {
	Problem string   `json:"problem"`
	Faults  int      `json:"faults"`
	Story   []string `json:"story"`
}

func newReport(faults int, r explore.Result, took time.Duration) (report, error) {
	cells, err := exploration.CellsOf(r, faults)
	if err != nil {
		return report{}, err
	}
	out := report{
		Faults: faults, Levels: r.Levels, Seconds: took.Seconds(), CellsReached: cells.Reached, CellsWrong: []string{},
		EndsWrong: []string{}, StuckFor: slices.Sorted(maps.Keys(r.Stuck)),
	}
	for _, l := range r.Levels {
		out.States += l.States
		out.Transitions += l.Transitions
	}
	for _, n := range cells.Unreached {
		out.CellsUnreached += n
	}
	if v := r.Violation; v != nil { // what comes after it was not explored
		out.Violation = &violation{v.Problem, v.Faults, v.Story}
	} else {
		out.CellsWrong = append(out.CellsWrong, cells.Wrong...)
		out.EndsWrong = append(out.EndsWrong, exploration.OneEnd(r)...)
	}
	out.Holds = out.Violation == nil && len(out.CellsWrong) == 0 && len(out.EndsWrong) == 0
	return out, nil
}

func (r *report) write(out io.Writer, format string) error {
	if format == "json" {
		return json.NewEncoder(out).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The order saga with every combination of up to %d faults\n\nfaults       states   transitions    at rest\n", r.Faults)
	for k, l := range r.Levels {
		fmt.Fprintf(&b, "%6d %12s %13s %10s\n", k, thousands(l.States), thousands(l.Transitions), thousands(l.Ends))
	}
	fmt.Fprintf(&b, "       %12s %13s             in %.1f s\n\n", thousands(r.States), thousands(r.Transitions), r.Seconds)
	if v := r.Violation; v != nil {
		fmt.Fprintf(&b, "Does not hold, with %d faults: %s\n\n%s\n", v.Faults, v.Problem, strings.Join(v.Story, "\n"))
		_, err := io.WriteString(out, b.String())
		return err
	}
	fmt.Fprintf(&b, "Cells of the table: %d reached, %d not, each for a stated reason.\n", r.CellsReached, r.CellsUnreached)
	for _, why := range r.StuckFor {
		fmt.Fprintf(&b, "Stuck, in some states: %s\n", why)
	}
	for _, wrong := range slices.Concat(r.CellsWrong, r.EndsWrong) {
		fmt.Fprintf(&b, "Wrong: %s\n", wrong)
	}
	if r.Holds {
		b.WriteString("Everything holds, and from every state an end can be reached.\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for k := len(s) - 3; k > 0; k -= 3 {
		s = s[:k] + "," + s[k:]
	}
	return s
}
