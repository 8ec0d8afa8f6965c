package main

import (
	"context"
	"io"
	"path/filepath"

	table "ordersaga.internal/scripts/e2e/scenarios"
	"ordersaga.internal/scripts/internal/gotest"
	"ordersaga.internal/scripts/internal/scenarios"
)

// modulePrefix begins the import path of every package; what follows is its folder.
const modulePrefix = "ordersaga.internal/"

// scenarios drives the numbered scenarios on a stack of their own, which they break in every way.
func (r *testRun) scenarios(ctx context.Context, root string, out io.Writer) error {
	r.shared.down() // the next step that needs it starts it again
	c, err := gotest.Run(ctx, filepath.Join(root, "scripts"), nil, out, "./e2e/scenarios")
	r.count("scripts/e2e/scenarios", c, out)
	return err
}

// table prints which test shows which scenario, and its result in this run. Of a run of some steps what did not run is no
// fault, and where none of it ran there is nothing to print.
func (r *testRun) table(out io.Writer, whole bool) error {
	all, err := scenarios.Parse(table.Table)
	if err != nil {
		return err
	}
	if !whole && !r.ran.Any(all) {
		return nil
	}
	return scenarios.Report(out, all, r.ran, whole)
}
