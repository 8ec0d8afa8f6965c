// Package scenarios is the table of the numbered scenarios: which tests show each, and what came of them in a run of the gate.
// Nobody writes a result down.
package scenarios

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Gate is the place of what is a step of scripts/test.
const Gate = "scripts/test"

// Kinds of what shows a scenario; the table says what they mean.
var kinds = []string{"process", "machine", "explore", "command"}

// Shown is a test that shows a scenario: Name in the package of folder Place, or a step of Gate.
type Shown struct{ Kind, Place, Name string }

func (s Shown) String() string { return s.Place + " " + s.Name }

// Scenario is a numbered one, and what shows it.
type Scenario struct {
	Number int
	Must   string // what must happen
	By     []Shown
}

// Required returns the numbers that the table must have.
func Required() (numbers []int) {
	for n := 1; n <= 48; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

// Parse reads a table. Every number that is required is there, once, in order, and is shown by something.
func Parse(table string) ([]Scenario, error) {
	var all []Scenario
	var errs []error
	for i, line := range strings.Split(table, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := parse(&all, strings.Split(line, "\t")); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
		}
	}
	for i, s := range all {
		if len(s.By) == 0 {
			errs = append(errs, fmt.Errorf("nothing shows scenario %d", s.Number))
		}
		if i > 0 && s.Number <= all[i-1].Number {
			errs = append(errs, fmt.Errorf("scenario %d comes after %d", s.Number, all[i-1].Number))
		}
	}
	for _, n := range Required() {
		if !slices.ContainsFunc(all, func(s Scenario) bool { return s.Number == n }) {
			errs = append(errs, fmt.Errorf("scenario %d is missing", n))
		}
	}
	return all, errors.Join(errs...)
}

func parse(all *[]Scenario, fields []string) error {
	switch {
	case len(fields) == 2 && fields[0] != "" && fields[1] != "":
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			return fmt.Errorf("number: %w", err)
		}
		*all = append(*all, Scenario{Number: n, Must: fields[1]})
	case len(fields) == 4 && fields[0] == "" && len(*all) > 0:
		if !slices.Contains(kinds, fields[1]) {
			return fmt.Errorf("kind %q is none of %v", fields[1], kinds)
		}
		last := &(*all)[len(*all)-1]
		last.By = append(last.By, Shown{fields[1], fields[2], fields[3]})
	default:
		return errors.New("neither number and words, nor a tab, kind, place and name")
	}
	return nil
}

// Ran is what came of a run, by Shown.String: true where it passed. What did not run is absent.
type Ran map[string]bool

// Note notes a result. What failed once has failed.
func (r Ran) Note(place, name string, passed bool) {
	key := Shown{Place: place, Name: name}.String()
	before, again := r[key]
	r[key] = passed && (before || !again)
}

func (r Ran) of(s Shown) string {
	switch passed, ran := r[s.String()]; {
	case !ran:
		return "not run"
	case passed:
		return "ok"
	}
	return "FAILED"
}

// Any tells whether anything that shows one of them ran.
func (r Ran) Any(all []Scenario) bool {
	return slices.ContainsFunc(all, func(s Scenario) bool {
		return slices.ContainsFunc(s.By, func(by Shown) bool { _, ran := r[by.String()]; return ran })
	})
}

// Report prints the table with its results. The error names what failed; of a run that was whole also what did not run.
func Report(out io.Writer, all []Scenario, ran Ran, whole bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var bad []string
	for _, s := range all {
		for i, by := range s.By {
			number, must := "", ""
			if i == 0 {
				number, must = strconv.Itoa(s.Number), s.Must
			}
			result := ran.of(by)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", number, short(must), by.Kind, by.Place, by.Name, result) //nolint:errcheck // for people
			if result == "FAILED" || whole && result == "not run" {
				bad = append(bad, fmt.Sprintf("%d: %s %s", s.Number, by, result))
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the table of scenarios: %w", err)
	}
	if len(bad) > 0 {
		return fmt.Errorf("scenarios are not shown: %s", strings.Join(bad, "; "))
	}
	return nil
}

// short is the beginning of what must happen: a line of the table fits on a screen.
func short(must string) string {
	const most = 44
	if r := []rune(must); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return must
}
