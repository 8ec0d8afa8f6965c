package mutants

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Unexplained is the reason of a mutant that stands and that nobody looked at.
const Unexplained = "UNEXPLAINED"

// Record is the fate of every mutant, by name, as it is checked in: a line each, with tabs. Who stands, or falls only in a
// test, has a reason written by hand; the others have what they break.
type Record map[string]Fate

// ReadRecord reads a record. Errors: a line that is none.
func ReadRecord(path string) (Record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	r := Record{}
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("%s, line %d: %d fields, want 4", path, n+1, len(fields))
		}
		f := Fate{Verdict: Verdict(fields[1]), Why: fields[3]}
		if f.Verdict == Falls {
			if f.Faults, err = strconv.Atoi(fields[2]); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", path, n+1, err)
			}
		}
		r[fields[0]] = f
	}
	return r, nil
}

// Write writes a record in the order of the mutants.
func (r Record) Write(path string, all []Mutant) error {
	var b strings.Builder
	b.WriteString("# Every mutant of the engine and the fence, and what became of it. Written by scripts/explore --mutants --update;\n" +
		"# the reasons of those that stand, or fail a test only, are written by hand.\n")
	for _, m := range all {
		f := r[m.Name]
		faults := ""
		if f.Verdict == Falls {
			faults = strconv.Itoa(f.Faults)
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", m.Name, f.Verdict, faults, f.Why)
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// Compare says how what became of mutants differs from the record, and what the record lacks.
func (r Record) Compare(found Record, all []Mutant) []string {
	var wrong []string
	known := map[string]bool{}
	for _, m := range all {
		known[m.Name] = true
		was, recorded := r[m.Name]
		now, judged := found[m.Name]
		switch {
		case !recorded:
			wrong = append(wrong, m.Name+": not in the record")
		case was.Verdict != Falls && (was.Why == "" || was.Why == Unexplained):
			wrong = append(wrong, m.Name+": "+string(was.Verdict)+", and nobody said why")
		case judged && (was.Verdict != now.Verdict || was.Faults != now.Faults):
			wrong = append(wrong, fmt.Sprintf("%s: %s, the record says %s", m.Name, now, was))
		}
	}
	for name := range r {
		if !known[name] {
			wrong = append(wrong, name+": in the record, and no mutant any more")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// String tells a fate in words.
func (f Fate) String() string {
	if f.Verdict == Falls {
		return fmt.Sprintf("falls with %d faults: %s", f.Faults, f.Why)
	}
	return string(f.Verdict)
}
