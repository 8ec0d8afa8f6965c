package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fate of a mutant.
type Fate struct {
	Verdict Verdict
	Faults  int    // with how many it falls
	Other   bool   // it does not fall, but other states are explored than without it
	Why     string // what it breaks; or which test fails; or, of one that stands, why that is right
}

// Verdict on a mutant.
type Verdict string

// The verdicts.
const (
	Falls  Verdict = "falls"        // the exploration finds a counter-example
	Tested Verdict = "fails a test" // the exploration does not object; a test does
	Stands Verdict = "stands"       // nothing objects
)

// level is what an exploration found with so many faults.
type level struct{ States, Transitions, Ends int }

// leastLimit is how many states an exploration may have at least. A mutant may have twice as many as there are without it.
const leastLimit = 3_000_000

// patience is how long a mutant may take for what takes seconds without it, on a machine that is busy with other things.
const patience = 15 * time.Minute

// Explore explores with a mutant on, 0 for none, with up to so many faults.
func (b *Built) Explore(ctx context.Context, mutant, faults int) (Fate, []level, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, b.program, "-k", strconv.Itoa(faults), "-o", "json", "-workers", "1", "-quiet")
	if mutant != 0 {
		cmd.Args = append(cmd.Args, "-limit", strconv.Itoa(b.limit))
	}
	cmd.Env = append(os.Environ(), Variable+"="+strconv.Itoa(mutant))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return Fate{}, nil, ctx.Err()
	case limited.Err() != nil:
		return Fate{Verdict: Falls, Faults: faults, Why: "it does not end"}, nil, nil
	case err != nil && !errors.As(err, &exit):
		return Fate{}, nil, fmt.Errorf("explore with mutant %d: %w", mutant, err)
	case err != nil && exit.ExitCode() != 1:
		return Fate{Verdict: Falls, Why: "the program breaks: " + firstLine(stderr.String())}, nil, nil
	}
	return verdict(out, stderr.String(), faults)
}

// verdict reads what the exploration printed.
func verdict(out []byte, stderr string, faults int) (Fate, []level, error) {
	var r struct {
		Holds     bool
		Levels    []level  `json:"by_faults"`
		Cells     []string `json:"cells_wrong"`
		Ends      []string `json:"ends_wrong"`
		Violation *struct {
			Problem string
			Faults  int
		}
	}
	if len(out) == 0 {
		return Fate{Verdict: Falls, Faults: faults, Why: firstLine(stderr)}, nil, nil
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return Fate{}, nil, fmt.Errorf("what the exploration printed: %w", err)
	}
	f := Fate{Verdict: Falls, Faults: faults}
	switch {
	case r.Holds:
		return Fate{Verdict: Stands}, r.Levels, nil
	case r.Violation != nil:
		f.Faults, f.Why = r.Violation.Faults, strings.Join(strings.Fields(r.Violation.Problem), " ")
	case len(r.Ends) > 0:
		f.Why = r.Ends[0]
	default:
		f.Why = fmt.Sprintf("the table: %d cells are not as they were", len(r.Cells))
	}
	return f, nil, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// cleanly explores without a mutant, so that others can be compared with it.
func (b *Built) cleanly(ctx context.Context, faults int) error {
	f, levels, err := b.Explore(ctx, 0, faults)
	if err == nil && f.Verdict != Stands {
		err = fmt.Errorf("without a mutant %s", f)
	}
	b.clean[faults] = levels
	states := 0
	for _, l := range levels {
		states += l.States
	}
	b.limit = max(b.limit, 2*states)
	return err
}

// Test names a test that fails with a mutant on, as "package test", "" where none does. Of a record's name only that test runs.
func (b *Built) Test(ctx context.Context, mutant int, recorded string) (string, error) {
	pkg, only, _ := strings.Cut(recorded, " ")
	for _, t := range b.tests {
		run := t.Run
		if only != "" {
			if t.Package != pkg {
				continue
			}
			run = "^" + only + "$"
		}
		failed, err := t.failing(ctx, mutant, run)
		if failed != "" || err != nil {
			return failed, err
		}
	}
	return "", nil
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// failing runs tests of the package and names the first by name that fails.
func (t *testBinary) failing(ctx context.Context, mutant int, run string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, t.path, "-test.run", run, "-test.skip", t.Skip)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), Variable+"="+strconv.Itoa(mutant))
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", fmt.Errorf("test a mutant: %w", err)
	}
	var names []string
	for _, found := range failedTest.FindAllStringSubmatch(string(out), -1) {
		names = append(names, found[1])
	}
	if len(names) == 0 {
		return "", fmt.Errorf("test mutant %d in %s: %w, and no test failed\n%s", mutant, t.Package, err, out)
	}
	return t.Package + " " + slices.Min(names), nil
}
