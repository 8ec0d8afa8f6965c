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

// Record is the fate of every mutant, by name, as it is checked in: a line each, with tabs. Who stands has a reason written
// by hand; the others have what they break, or which test fails.
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
		f := Fate{Verdict: Verdict(fields[1]), Other: fields[2] == otherStates, Why: fields[3]}
		switch f.Verdict {
		case Falls:
			f.Faults, err = strconv.Atoi(fields[2])
		case Tested, Stands:
			if fields[2] != otherStates && fields[2] != sameStates {
				err = fmt.Errorf("%q is neither %q nor %q", fields[2], sameStates, otherStates)
			}
		default:
			err = fmt.Errorf("%q is no verdict", fields[1])
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n+1, err)
		}
		r[fields[0]] = f
	}
	return r, nil
}

// updated is the record after so many were judged. Reasons that people gave to those that stand are kept.
func (r Record) updated(found Record, all []Mutant) Record {
	next := Record{}
	for _, m := range all {
		was, recorded := r[m.Name]
		f, judged := found[m.Name]
		switch {
		case !judged && recorded:
			f = was
		case !judged:
			continue
		case f.Verdict == Stands && was.Verdict == Stands && was.Why != "":
			f.Why = was.Why
		case f.Verdict == Stands:
			f.Why = Unexplained
		}
		next[m.Name] = f
	}
	return next
}

// Write writes a record in the order of the mutants.
func (r Record) Write(path string, all []Mutant) error {
	var b strings.Builder
	b.WriteString("# Every mutant of definition, engine and fence, and what became of it. Written by scripts/explore --mutants --update; only\n" +
		"# the reasons of those that stand are written by hand. Third: with how many faults it falls; or, where the exploration does\n" +
		"# not object, whether the same states and transitions were explored as without the mutant.\n")
	for _, m := range all {
		f, known := r[m.Name]
		if !known {
			continue
		}
		seen := sameStates
		switch {
		case f.Verdict == Falls:
			seen = strconv.Itoa(f.Faults)
		case f.Other:
			seen = otherStates
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", m.Name, f.Verdict, seen, f.Why)
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// Whether a mutant that does not fall leads to other states.
const (
	sameStates  = "same states"
	otherStates = "other states"
)

// Again is what to do about a mutant that is not as recorded.
const again = "run scripts/explore --mutants --update and read the difference"

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
			wrong = append(wrong, m.Name+": not in the record; "+again)
		case was.Verdict == Stands && (was.Why == "" || strings.HasPrefix(was.Why, Unexplained)):
			wrong = append(wrong, m.Name+": stands, and nobody said why; strengthen the exploration or a test, or write into the record why nothing can tell it")
		case judged && (was.Verdict != now.Verdict || was.Faults != now.Faults):
			wrong = append(wrong, fmt.Sprintf("%s: %s; the record says that it %s; %s", m.Name, now, was, again))
		}
	}
	for name := range r {
		if !known[name] {
			wrong = append(wrong, name+": in the record, and no mutant any more; "+again)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// String tells a fate in words.
func (f Fate) String() string {
	switch f.Verdict {
	case Falls:
		return fmt.Sprintf("falls with %d faults: %s", f.Faults, f.Why)
	case Tested:
		return "fails " + f.Why
	default:
		return string(f.Verdict)
	}
}
