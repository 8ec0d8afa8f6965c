package saga

import (
	"fmt"
	"slices"
	"strings"
)

// Cell is what one input does in one situation: a line of Table. Cells that differ only in Stuck are the same cell.
type Cell struct {
	Situation string // as Table names it
	Input     string // as Table names it: an event without its version, or one of the engine's own inputs
	Effect    Effect
	Why       string // it changes nothing: why; empty where it does
	Sends     string // the commands that it sends, without their versions
	To        string // the situation after it
	Stuck     string // why an operator is needed after it
}

// NewCell tells what an input did, given what Apply made of it.
func NewCell[D any](before *Instance[D], input string, after *Instance[D], out []Outgoing, note Note) Cell {
	c := Cell{Situation: situationName(before), Input: input, Effect: note.Effect, To: situationName(after), Stuck: after.Stuck}
	if note.Effect != Applied && note.Effect != Jammed {
		c.Why = note.Text
	}
	names := make([]string, len(out))
	for k, o := range out {
		names[k] = ShortName(o.Body)
	}
	c.Sends = strings.Join(names, " ")
	return c
}

// Cells returns every cell of a definition, situation by situation, by running Apply. Answers name their own command and
// are newer than all before. Errors: as Apply.
func Cells[D any](def *Definition[D]) ([]Cell, error) {
	all, err := situations(def)
	if err != nil {
		return nil, err
	}
	var cells []Cell
	for n := range all {
		for _, tr := range trials(def, &all[n].instance) {
			next, out, note, err := Apply(def, all[n].instance, tr.in, tr.now)
			if err != nil {
				return nil, err
			}
			cells = append(cells, NewCell(&all[n].instance, tr.name, &next, out, note))
		}
	}
	return cells, nil
}

// Table tells, as Markdown, what every input does in every situation that the definition can be in. Errors: as Cells.
func Table[D any](def *Definition[D]) (string, error) {
	cells, err := Cells(def)
	if err != nil {
		return "", err
	}
	var situations [][]Cell
	for k, c := range cells {
		if k == 0 || cells[k-1].Situation != c.Situation {
			situations = append(situations, nil)
		}
		situations[len(situations)-1] = append(situations[len(situations)-1], c)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, version %d: every input in every situation\n\nGenerated. %d situations.\n", def.Name, def.Version, len(situations))
	for _, s := range situations {
		write(&b, s)
	}
	return b.String(), nil
}

// write tells what each input does in a situation: a line for what changes something, the others grouped by why not.
func write(b *strings.Builder, cells []Cell) {
	fmt.Fprintf(b, "\n## %s\n\n", cells[0].Situation)
	var reasons []string
	grouped := map[string][]string{}
	for _, c := range cells {
		if c.Why != "" {
			reason := string(c.Effect) + ", " + c.Why
			if !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
			grouped[reason] = append(grouped[reason], c.Input)
			continue
		}
		fmt.Fprintf(b, "- **%s**", c.Input)
		for name := range strings.FieldsSeq(c.Sends) {
			fmt.Fprintf(b, " sends %s", name)
		}
		if c.To != c.Situation {
			fmt.Fprintf(b, " → %s", c.To)
		}
		if c.Effect == Jammed {
			fmt.Fprintf(b, " · stuck: %s", c.Stuck)
		}
		b.WriteString("\n")
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(b, "- %s: %s\n", r, strings.Join(grouped[r], ", "))
	}
}
