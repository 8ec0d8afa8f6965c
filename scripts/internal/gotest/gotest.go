// Package gotest runs a module's tests, shows what failed, and counts a skipped test as a failure.
package gotest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Counts of a run.
type Counts struct {
	Passed, Failed, Skipped int
	Seconds                 float64
	Tests                   []Result // of those that passed or failed
}

// Result of a test.
type Result struct {
	Package, Test string // import path; name, with "/" in those of subtests
	Passed        bool
}

// Add sums.
func (c *Counts) Add(o Counts) {
	c.Passed += o.Passed
	c.Failed += o.Failed
	c.Skipped += o.Skipped
	c.Seconds += o.Seconds
	c.Tests = append(c.Tests, o.Tests...)
}

// event is one line of go test -json.
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	ImportPath  string // of what is built
	FailedBuild string // the ImportPath of what did not build
}

// Run runs the tests of a module in dir that args, packages and flags of go test, name. The error says what failed or was
// skipped.
func Run(ctx context.Context, dir string, env []string, out io.Writer, args ...string) (Counts, error) {
	begin := time.Now()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-timeout=8m"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), out
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Counts{}, fmt.Errorf("go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return Counts{}, fmt.Errorf("go test: %w", err)
	}
	c, bad := read(stdout, out)
	err = cmd.Wait()
	c.Seconds = time.Since(begin).Seconds()
	switch {
	case len(bad) > 0:
		return c, fmt.Errorf("%s", strings.Join(bad, ", "))
	case err != nil:
		return c, fmt.Errorf("go test: %w", err)
	}
	return c, nil
}

func read(r io.Reader, out io.Writer) (c Counts, bad []string) {
	output := map[string]*strings.Builder{}
	blamed := map[string]bool{} // packages with a failed test
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		name := e.Package + e.ImportPath
		if e.Test != "" {
			name += "." + e.Test
		}
		if e.Test != "" && (e.Action == "pass" || e.Action == "fail") {
			c.Tests = append(c.Tests, Result{e.Package, e.Test, e.Action == "pass"})
		}
		switch e.Action {
		case "output", "build-output":
			b := output[name]
			if b == nil {
				b = &strings.Builder{}
				output[name] = b
			}
			b.WriteString(e.Output)
		case "pass":
			if e.Test != "" {
				c.Passed++
			}
			show(out, name, output[name])
			delete(output, name)
		case "skip":
			if e.Test != "" { // a package without tests is skipped too
				c.Skipped++
				bad = append(bad, name+" was skipped")
			}
		case "fail":
			if e.Test != "" || !blamed[e.Package] { // a package can fail by itself: it does not build, or TestMain fails
				c.Failed++
			}
			blamed[e.Package] = true
			bad = append(bad, name+" failed")
			for _, source := range []string{e.FailedBuild, name} {
				if b := output[source]; b != nil {
					fmt.Fprintf(out, "--- %s\n%s", source, b)
				}
			}
		}
	}
	return c, bad
}

// show prints the lines that a passed test marked for it: those with "=> " after the place that t.Log puts first.
func show(out io.Writer, name string, output *strings.Builder) {
	if output == nil {
		return
	}
	for line := range strings.SplitSeq(output.String(), "\n") {
		if _, text, marked := strings.Cut(line, ": => "); marked {
			fmt.Fprintf(out, "%s: %s\n", name, text)
		}
	}
}
