// Package howto keeps the pages true that say how to add something: it does what a page says, in the page's order, to a copy of
// the checkout, as a reader would who leaves nothing out and adds nothing.
package howto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Part is a fenced block of a page, in the page's order. A block of diff is applied; one of sh is run in the checkout's folder and
// must succeed, or must not where the fence says "sh fails"; one of text holds lines that the command before it must print.
type Part struct {
	Line  int // of the fence, from 1
	Diff  string
	Shell string
	Fails bool
	Says  []string
}

// Parse reads a page. Every block is one of those that can be held to what it says.
func Parse(page string) ([]Part, error) {
	var parts []Part
	lines := strings.Split(page, "\n")
	for n := 0; n < len(lines); n++ {
		kind, fence := strings.CutPrefix(lines[n], "```")
		if !fence {
			continue
		}
		begin := n + 1
		for n++; n < len(lines) && lines[n] != "```"; n++ {
		}
		if n == len(lines) {
			return nil, fmt.Errorf("line %d: the block does not end", begin)
		}
		block := strings.Join(lines[begin:n], "\n") + "\n"
		switch kind {
		case "diff":
			parts = append(parts, Part{Line: begin, Diff: block})
		case "sh", "sh fails":
			parts = append(parts, Part{Line: begin, Shell: block, Fails: kind != "sh"})
		case "text":
			if len(parts) == 0 || parts[len(parts)-1].Shell == "" {
				return nil, fmt.Errorf("line %d: no command says this text", begin)
			}
			parts[len(parts)-1].Says = strings.Split(strings.TrimSpace(block), "\n")
		default:
			return nil, fmt.Errorf("line %d: a block of %q: give diff, sh, sh fails or text", begin, kind)
		}
	}
	return parts, nil
}

// Do does to the checkout in dir what the part says. The error carries what was printed.
func (p Part) Do(ctx context.Context, dir string) error {
	if p.Diff != "" {
		return run(ctx, dir, p.Diff, "git", "apply", "--whitespace=error-all", "-")
	}
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", p.Shell)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case p.Fails && err == nil:
		return fmt.Errorf("it should fail, and does not:\n%s", out)
	case err != nil && !(p.Fails && errors.As(err, &exit)):
		return fmt.Errorf("%w:\n%s", err, out)
	}
	for _, line := range p.Says {
		if !bytes.Contains(out, []byte(strings.TrimSpace(line))) {
			return fmt.Errorf("it does not say %q:\n%s", strings.TrimSpace(line), out)
		}
	}
	return nil
}

func run(ctx context.Context, dir, in, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}
