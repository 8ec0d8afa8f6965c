package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ordersaga.internal/scripts/e2e"
	"ordersaga.internal/scripts/internal/gotest"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// endToEnd returns the step that runs some of the end-to-end tests, as flags of go test choose them.
func (r *testRun) endToEnd(flags ...string) func(context.Context, string, io.Writer) error {
	return func(ctx context.Context, root string, out io.Writer) error {
		where, err := r.shared.up(ctx, root)
		if err != nil {
			return err
		}
		c, err := gotest.Run(ctx, filepath.Join(root, "scripts"), []string{e2e.Variable + "=" + where}, out, append(flags, "./e2e")...)
		r.count("scripts/e2e", c, out)
		return err
	}
}

// sharedStack is one stack for all steps that test end to end. The first of them starts it.
type sharedStack struct {
	tags  string // of the programs
	dir   string
	stack *stack.Stack
}

// up returns the path of the stack's description.
func (s *sharedStack) up(ctx context.Context, root string) (path string, err error) {
	if s.stack != nil {
		return s.path(), nil
	}
	defer func() {
		if err != nil { // the next step tries again
			s.down()
		}
	}()
	c := e2e.Config()
	c.Root, c.Out, c.Tags = root, os.Stderr, s.tags
	if c.Dir, err = os.MkdirTemp("", "ordersaga-e2e-*"); err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	s.dir = c.Dir
	started, err := stack.Up(ctx, c)
	if err != nil {
		return "", err
	}
	s.stack = started
	if err := load.Seed(ctx, s.stack); err != nil {
		return "", err
	}
	return s.path(), s.stack.Describe(s.path())
}

func (s *sharedStack) path() string { return filepath.Join(s.dir, "stack.json") }

// down stops the stack, if there is one, and leaves nothing of it.
func (s *sharedStack) down() {
	if s.stack != nil {
		s.stack.Down()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // a leftover in the temporary folder does no harm
	}
	*s = sharedStack{tags: s.tags}
}
