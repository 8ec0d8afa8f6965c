package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Plan is what is mutated, and what tells mutants apart from what they were.
type Plan struct {
	Root    string   // of the workspace
	Files   []string // to mutate, below Root
	Rules   Rules
	Program [2]string // the exploration: its module below Root, and its package
	Tests   []Tests   // in the order in which they are asked
}

// Tests of one package that have no chance in them.
type Tests struct {
	Module, Package string // below Root, and below the module
	Run, Skip       string // as -test.run and -test.skip take them
}

// Built is a program, and tests, with every mutant in them.
type Built struct {
	Mutants []Mutant
	program string
	tests   []testBinary
	clean   map[int][]level // by faults: what the exploration finds where no mutant is on
	limit   int             // of the states that a mutant may have
}

type testBinary struct {
	Tests
	path, dir string
}

// Build mutates the files and builds everything in dir.
func Build(ctx context.Context, p Plan, dir string) (*Built, error) {
	b := &Built{program: filepath.Join(dir, "explore"), clean: map[int][]level{}, limit: leastLimit}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for n, name := range p.Files {
		path := filepath.Join(p.Root, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("mutate: %w", err)
		}
		source, err := File(filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name)), text, len(b.Mutants)+1, p.Rules)
		if err != nil {
			return nil, err
		}
		b.Mutants = append(b.Mutants, source.Mutants...)
		file := filepath.Join(dir, fmt.Sprintf("%d.go", n))
		aside := filepath.Join(dir, fmt.Sprintf("%d-switch.go", n))
		pkg := filepath.Base(filepath.Dir(name)) // the house names packages after their folders
		if err := errors.Join(os.WriteFile(file, source.Mutated, 0o600), os.WriteFile(aside, Switch(pkg), 0o600)); err != nil {
			return nil, fmt.Errorf("mutate: %w", err)
		}
		overlay.Replace[path] = file
		overlay.Replace[filepath.Join(filepath.Dir(path), "mutant_switch.go")] = aside
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	at := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(at, text, 0o600); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return b, b.build(ctx, p, dir, at)
}

func (b *Built) build(ctx context.Context, p Plan, dir, overlay string) error {
	err := compile(ctx, filepath.Join(p.Root, p.Program[0]), "build", "-overlay", overlay, "-o", b.program, p.Program[1])
	if err != nil {
		return err
	}
	for k, t := range p.Tests {
		binary := testBinary{t, filepath.Join(dir, fmt.Sprintf("%d.test", k)), filepath.Join(p.Root, t.Module, t.Package)}
		if err := compile(ctx, filepath.Join(p.Root, t.Module), "test", "-c", "-overlay", overlay, "-o", binary.path, t.Package); err != nil {
			return err
		}
		b.tests = append(b.tests, binary)
	}
	return nil
}

func compile(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the mutants: %w\n%s", err, out)
	}
	return nil
}
