package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ordersaga.internal/scripts/internal/gotest"
)

// crash kills every program everywhere (infra/testkit/crash): the tests that are built with the tag crash, a package after
// the other, for each uses the whole machine.
func (r *testRun) crash(ctx context.Context, root string, out io.Writer) error {
	folders, err := crashTests(root)
	if err != nil {
		return err
	}
	var errs []error
	for _, folder := range folders {
		c, err := gotest.Run(ctx, folder, nil, out, "-tags", "crash", "-run", "^TestCrash(Everywhere|AtDeadlines)$", ".")
		name, _ := filepath.Rel(root, folder) // it is below
		r.count(name, c, out)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// crashTests returns the folders with tests that are built with the tag.
func crashTests(root string) (folders []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if folder := filepath.Dir(path); err == nil && bytes.HasPrefix(text, []byte("//go:build crash\n")) {
			folders = append(folders, folder)
		}
		return err
	})
	if err == nil && len(folders) == 0 {
		err = errors.New("there are no tests with the tag crash")
	}
	if err != nil {
		return nil, fmt.Errorf("look for the tests of crashes: %w", err)
	}
	return folders, nil
}
