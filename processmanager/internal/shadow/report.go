package shadow

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"ordersaga.internal/processmanager/saga"
)

// Report is what a replay found.
type Report struct {
	From         Version        `json:"from"`
	To           Version        `json:"to"`
	Orders       int            `json:"orders"` // replayed
	Same         int            `json:"same"`
	Differ       int            `json:"differ"`
	Kinds        []Kind         `json:"kinds"` // of differences, the most frequent first
	Unreplayable []Unreplayable `json:"unreplayable"`
}

// Kind is one way in which orders differ.
type Kind struct {
	Input  string       `json:"input"`
	From   []string     `json:"from"`
	To     []string     `json:"to"`
	Orders []Difference `json:"orders"`
}

// Diff replays every history under both versions.
func Diff(set *saga.Set, from, to Version, histories []History) Report {
	report := Report{From: from, To: to, Kinds: []Kind{}, Unreplayable: []Unreplayable{}}
	kinds := map[string]int{}
	for _, h := range histories {
		report.Orders++
		d, broken := one(set, from, to, h)
		switch {
		case broken != nil:
			report.Unreplayable = append(report.Unreplayable, *broken)
		case d == nil:
			report.Same++
		default:
			report.Differ++
			key := d.Input + "\x00" + kindOf(d.From) + "\x00" + kindOf(d.To)
			k, ok := kinds[key]
			if !ok {
				k = len(report.Kinds)
				kinds[key] = k
				report.Kinds = append(report.Kinds, Kind{Input: d.Input, From: bare(d.From), To: bare(d.To)})
			}
			report.Kinds[k].Orders = append(report.Kinds[k].Orders, *d)
		}
	}
	slices.SortStableFunc(report.Kinds, func(a, b Kind) int { return cmp.Compare(len(b.Orders), len(a.Orders)) })
	return report
}

// bare leaves out the bodies, which differ from order to order.
func bare(commands []string) []string {
	out := make([]string, len(commands))
	for k, c := range commands {
		name, body, _ := strings.Cut(c, " {")
		if out[k] = name; body != "" {
			out[k] += " {…}"
		}
	}
	return out
}

func kindOf(commands []string) string { return strings.Join(bare(commands), "\x00") }

// shown is how many orders of a kind are named.
const shown = 3

// Write tells people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s over %d orders: %d the same, %d differ, %d could not be replayed\n",
		r.From, r.To, r.Orders, r.Same, r.Differ, len(r.Unreplayable))
	for _, k := range r.Kinds {
		fmt.Fprintf(&b, "\n%d × at %s\n    %s sends    %s\n    %s would    %s\n", len(k.Orders), k.Input,
			r.From, list(k.From), r.To, list(k.To))
		for _, d := range k.Orders[:min(shown, len(k.Orders))] {
			fmt.Fprintf(&b, "  order %s at %s\n", d.Order, d.At.UTC().Format("2006-01-02T15:04:05.000Z"))
			if strings.Contains(list(d.From), "{") {
				fmt.Fprintf(&b, "    sent   %s\n    would  %s\n", list(d.From), list(d.To))
			}
		}
		if more := len(k.Orders) - shown; more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	for _, u := range r.Unreplayable {
		fmt.Fprintf(&b, "\nnot replayed: order %s: %s\n", u.Order, u.Why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func list(commands []string) string {
	if len(commands) == 0 {
		return "nothing"
	}
	return strings.Join(commands, ", ")
}
