package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fate of a mutant.
type Fate struct {
	Verdict Verdict
	Faults  int    // with how many it falls
	Why     string // what it breaks; or, of one that stands, why that is right
}

// Verdict on a mutant.
type Verdict string

// The verdicts.
const (
	Falls  Verdict = "falls"        // the exploration finds a counter-example
	Tested Verdict = "fails a test" // the exploration cannot see it; a test does
	Stands Verdict = "stands"       // nothing tells it from what it was
)

type plannedTest struct {
	testBinary
	module, pkg string
}

func (p *Plan) tests() []plannedTest {
	var list []plannedTest
	for name, run := range p.Tests {
		module, pkg, _ := strings.Cut(name, ":")
		dir := filepath.Join(p.Root, module)
		list = append(list, plannedTest{testBinary{dir: filepath.Join(dir, pkg), run: run}, dir, pkg})
	}
	slices.SortFunc(list, func(a, b plannedTest) int { return strings.Compare(a.dir, b.dir) })
	return list
}

// patience is how long a mutant may take for an exploration that takes seconds without it.
const patience = 4 * time.Minute

// Explore explores with a mutant on, with up to so many faults.
func (b *Built) Explore(ctx context.Context, mutant, faults int) (Fate, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, b.program, "-k", strconv.Itoa(faults), "-o", "json", "-workers", "1", "-quiet", "-limit", "8000000")
	cmd.Env = append(os.Environ(), Variable+"="+strconv.Itoa(mutant))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return Fate{}, ctx.Err()
	case limited.Err() != nil:
		return Fate{Verdict: Falls, Faults: faults, Why: "it does not end"}, nil
	case err == nil:
		return Fate{Verdict: Stands}, nil
	case !errors.As(err, &exit):
		return Fate{}, fmt.Errorf("explore with mutant %d: %w", mutant, err)
	case exit.ExitCode() != 1:
		return Fate{Verdict: Falls, Faults: faults, Why: "the program breaks: " + firstLine(stderr.String())}, nil
	}
	return verdict(out, stderr.String(), faults)
}

// verdict reads what the exploration printed of something that does not hold.
func verdict(out []byte, stderr string, faults int) (Fate, error) {
	var r struct {
		CellsWrong []string `json:"cells_wrong"`
		Violation  *struct {
			Problem string
			Faults  int
		}
	}
	if len(out) == 0 {
		return Fate{Verdict: Falls, Faults: faults, Why: firstLine(stderr)}, nil
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return Fate{}, fmt.Errorf("what the exploration printed: %w", err)
	}
	if r.Violation == nil {
		return Fate{Verdict: Falls, Faults: faults, Why: fmt.Sprintf("the table: %d cells are not as they were", len(r.CellsWrong))}, nil
	}
	return Fate{Verdict: Falls, Faults: r.Violation.Faults, Why: r.Violation.Problem}, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// Test tells whether a test fails with a mutant on, and which package's.
func (b *Built) Test(ctx context.Context, mutant int) (fails bool, err error) {
	for _, t := range b.tests {
		limited, cancel := context.WithTimeout(ctx, patience)
		cmd := exec.CommandContext(limited, t.path, "-test.run", t.run, "-test.failfast")
		cmd.Dir = t.dir
		cmd.Env = append(os.Environ(), Variable+"="+strconv.Itoa(mutant))
		err := cmd.Run()
		cancel()
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.As(err, &exit): // it failed, or ran out of time
			return true, nil
		case err != nil:
			return false, fmt.Errorf("test a mutant: %w", err)
		}
	}
	return false, nil
}
