package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"ordersaga.internal/scripts/e2e"
	"ordersaga.internal/scripts/internal/gotest"
	"ordersaga.internal/scripts/internal/repeats"
)

// duplicator is the tag of programs that decide every input twice.
const duplicator = "duplicator"

// notTwice are the tests that count a span for each input: a transaction that is tried again, or a deadline that is fired
// again, has another one. And those with random requests, which take minutes and leave the demo no stock.
const notTwice = "^Test(Trace|Schemathesis)"

// twice runs the whole end-to-end suite, every kind of life and the demo on programs in which every input comes twice, and
// prints what did.
func (r *testRun) twice(ctx context.Context, root string, out io.Writer) (err error) {
	c, err := gotest.Run(ctx, filepath.Join(root, "infra"), nil, out, "-tags", duplicator, "-run", "^TestDuplicator", "./messaging")
	r.count("infra/messaging", c, out)
	if err != nil {
		return err
	}
	shared := sharedStack{tags: duplicator}
	defer func() { shared.down() }()
	where, err := shared.up(ctx, root)
	if err != nil {
		return err
	}
	// Before the suite, which has strangers write into the topics, and an operator edit a letter: no checker lets that pass.
	errs := []error{demo(ctx, shared.stack, "", io.Discard)}
	scripts, kept := filepath.Join(root, "scripts"), filepath.Join(shared.dir, "repeats.json")
	c, err = gotest.Run(ctx, scripts, []string{e2e.Variable + "=" + where}, out, "-skip", notTwice, "./e2e")
	r.count("scripts/e2e", c, out)
	errs = append(errs, err)
	counts, err := repeats.Read(ctx, shared.stack)
	errs = append(errs, err)

	c, err = gotest.Run(ctx, scripts, []string{e2e.Tags + "=" + duplicator, e2e.Repeats + "=" + kept}, out, "./e2e/lives")
	r.count("scripts/e2e/lives", c, out)
	errs = append(errs, err)
	more, err := repeats.Kept(kept)
	counts = counts.Add(more)
	fmt.Fprint(out, counts)
	if wrong := counts.Judge(); len(wrong) > 0 {
		errs = append(errs, fmt.Errorf("%s", strings.Join(wrong, "; ")))
	}
	return errors.Join(append(errs, err)...)
}
