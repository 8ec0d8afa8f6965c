package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/mutants"
	"ordersaga.internal/scripts/internal/stack"
)

type exploreOptions struct {
	faults, limit, workers int
	output                 string
	mutants, update, fast  bool
	only                   string
}

func exploreCommand() *cobra.Command {
	o := exploreOptions{}
	cmd := &cobra.Command{
		Use: "explore", Short: "Walk every way in which an order can go wrong", Args: cobra.NoArgs,
		Long: `Walks every way in which one order can go, through the real saga, the real engine and the real fence, with every
combination of up to -k faults: messages that come twice or are lost, rewinds, re-sends, deadlines, dead letters with redrive,
lost answers of the provider, compensations that fail. Refusals and a cancellation come anywhere and cost nothing. Checks the
invariants in every state, and that from every state an end can be reached. Exit code 1: something does not hold; the shortest
story that leads to it is printed.

With --mutants it changes the source of definition, engine and fence in every small way, explores each, and compares what becomes of
them with the record in processmanager/internal/fulfilment/exploration/testdata/mutants.tsv. Exit code 1: they differ, or a
mutant stands and nobody said why.`,
		Example: "  scripts/explore\n  scripts/explore -k 4\n  scripts/explore -o json\n  scripts/explore --mutants\n  scripts/explore --mutants --only 'saga/send.go wait'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := stack.FindRoot()
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			switch {
			case o.mutants:
				return exploreMutants(cmd.Context(), root, &o, cmd.OutOrStdout())
			case o.update || o.fast || o.only != "":
				return fmt.Errorf("%w: --update, --fast and --only are for --mutants", errUsage)
			}
			return exploreOnce(cmd.Context(), root, &o)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.faults, "faults", "k", 3, "up to so many; each more takes ten times as long")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.IntVar(&o.workers, "workers", 0, "that explore at once (default one for each CPU)")
	f.IntVar(&o.limit, "limit", 60_000_000, "states, after which to give up; a million takes about 200 MB")
	f.BoolVar(&o.mutants, "mutants", false, "explore what definition, engine and fence would be if they were wrong")
	f.BoolVar(&o.update, "update", false, "write the record of the mutants anew")
	f.BoolVar(&o.fast, "fast", false, "each mutant only as far as the record says that it falls; as CI does")
	f.StringVar(&o.only, "only", "", "the mutants whose names contain this")
	return cmd
}

// exploreOnce becomes the program that explores.
func exploreOnce(ctx context.Context, root string, o *exploreOptions) error {
	program := filepath.Join(root, ".bin", "explore")
	if err := command(ctx, filepath.Join(root, "processmanager"), nil, "go", "build", "-o", program, "./cmd/explore"); err != nil {
		return err
	}
	args := []string{"explore", "-k", strconv.Itoa(o.faults), "-o", o.output, "-limit", strconv.Itoa(o.limit)}
	if o.workers != 0 {
		args = append(args, "-workers", strconv.Itoa(o.workers))
	}
	return syscall.Exec(program, args, os.Environ())
}

// mutantsPlan says what is mutated.
func mutantsPlan(root string) mutants.Plan {
	return mutants.Plan{
		Root: root,
		Files: []string{
			"processmanager/internal/fulfilment/definition.go",
			"processmanager/saga/table.go", "processmanager/saga/apply.go", "processmanager/saga/answer.go", "processmanager/saga/unwind.go",
			"processmanager/saga/send.go", "infra/messaging/fence.go", "infra/messaging/fencebook.go",
		},
		Rules: mutants.Rules{
			Skip:  []string{"say", "AppendKey", "appendKey"}, // notes for people, and what only the exploration itself uses
			Pairs: [][2]string{{"Done", "Refused"}, {"Undone", "UndoFailed"}, {"Done", "Undone"}, {"Do", "Undo"}, {"Rejected", "Cancelled"}},
		},
		Program: [2]string{"processmanager", "./cmd/explore"},
		Tests: []mutants.Tests{
			{Module: "processmanager", Package: "./internal/fulfilment", Run: "."},
			{Module: "processmanager", Package: "./saga", Run: ".", Skip: "^TestWalks$"}, // walks at random
			{Module: "infra", Package: "./messaging", Run: "^TestFence(|Refuses|RefusesToSupersede|TellsWhatWasAccepted|MarksWhatChanged|AnswersAreComplete)$"},
		},
	}
}

func exploreMutants(ctx context.Context, root string, o *exploreOptions, out io.Writer) error {
	if o.update && o.fast {
		return fmt.Errorf("%w: --update needs every mutant's whole fate", errUsage)
	}
	dir, err := os.MkdirTemp("", "ordersaga-mutants-*")
	if err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing depends on it
	built, err := mutants.Build(ctx, mutantsPlan(root), dir)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "processmanager/internal/fulfilment/exploration/testdata/mutants.tsv")
	return mutants.Run(ctx, built, mutants.Options{Record: path, Faults: o.faults, Fast: o.fast, Update: o.update, Only: o.only, Out: out})
}
