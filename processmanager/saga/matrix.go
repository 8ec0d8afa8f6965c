package saga

import (
	"fmt"
	"slices"
	"strings"
)

// Table tells, as Markdown, what every input does in every situation that the definition can be in, by running Apply.
// Answers name their own command and are newer than all before. Errors: as Apply.
func Table[D any](def *Definition[D]) (string, error) {
	all, err := situations(def)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, version %d: every input in every situation\n\nGenerated. %d situations.\n", def.Name, def.Version, len(all))
	for n := range all {
		if err := all[n].write(&b, def); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// write tells what each input does in a situation: a line for what changes something, the others grouped by why not.
func (s *situation[D]) write(b *strings.Builder, def *Definition[D]) error {
	fmt.Fprintf(b, "\n## %s\n\n", s.name)
	var reasons []string
	grouped := map[string][]string{}
	for _, tr := range trials(def, &s.instance) {
		next, out, note, err := Apply(def, s.instance, tr.in, tr.now)
		if err != nil {
			return err
		}
		if note.Effect != Applied && note.Effect != Jammed {
			reason := string(note.Effect) + ", " + note.Text
			if !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
			grouped[reason] = append(grouped[reason], tr.name)
			continue
		}
		fmt.Fprintf(b, "- **%s**", tr.name)
		for _, o := range out {
			fmt.Fprintf(b, " sends %s", short(o.Body))
		}
		if to := situationName(&next); to != s.name {
			fmt.Fprintf(b, " → %s", to)
		}
		if note.Effect == Jammed {
			fmt.Fprintf(b, " · stuck: %s", next.Stuck)
		}
		b.WriteString("\n")
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(b, "- %s: %s\n", r, strings.Join(grouped[r], ", "))
	}
	return nil
}
