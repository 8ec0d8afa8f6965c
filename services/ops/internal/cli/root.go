package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/ops/internal/screen"
)

// app is what the commands share.
type app struct {
	settings

	environment []string
	in          io.Reader
	errs        io.Writer // as it is
}

// Command returns the whole command line. environment is as os.Environ gives it.
func Command(environment []string, in io.Reader, out, errs io.Writer) *cobra.Command {
	a := &app{environment: environment, in: in, errs: errs}
	root := group(&cobra.Command{
		Use: "orderctl", Short: "Ask why an order is where it is, and repair what needs an operator",
		Long: `Ask why an order is where it is, and repair what needs an operator.

It speaks to the programs' admin ports with an operator's token, and to Kafka, where it only reads and joins no group.
Settings come from the environment; flags win. scripts/orderctl makes a token for the local stack.

Exit codes: 0 holds, 1 does not hold, 2 usage, 3 not reachable, 130 interrupted.`,
		Example: `  orderctl why 0199b1de-7c1e-7aaa-8bbb-0123456789ab     # why is this order where it is?
  orderctl saga list --stuck                            # who needs an operator?
  orderctl deadletters list                             # what was set aside?
  orderctl tap --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab --from begin`,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{"text", "json"}, a.output) {
				return program.Usage(fmt.Errorf("--output %q: give text or json", a.output))
			}
			return nil
		},
	})
	root.Flags().SortFlags = false
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(screen.Guarded(errs)) // errors and questions quote messages
	a.register(root, environment)
	_ = root.RegisterFlagCompletionFunc("output", fixed("text", "json"))
	root.AddCommand(a.why(), a.saga(), a.letters(), a.tap(), a.archived(), a.positions(), a.replay(), a.definition(), a.version())
	return root
}

// group is a command that only has others under it.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return program.Usage(fmt.Errorf("%s has no command %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath()))
	}
	return cmd
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say what this is", Args: cobra.NoArgs, Example: "  orderctl version -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			build := telemetry.BuildOf("orderctl", "")
			if s := a.screen(cmd); s.JSON {
				return s.Encode(build, true)
			} else {
				return s.Line("%s %s (%s, %s)", build.Service, build.Version, build.Revision, build.Go)
			}
		},
	}
}

func (a *app) screen(cmd *cobra.Command) *screen.Screen {
	return screen.New(cmd.OutOrStdout(), a.environment, a.output == "json")
}

// parseOrder reads the id of an order.
func parseOrder(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.Version() != 7 {
		return id, program.Usage(fmt.Errorf("%q is no id of an order: they look like 0199b1de-7c1e-7aaa-8bbb-0123456789ab", s))
	}
	return id, nil
}

// fixed completes a flag or argument by a closed list.
func fixed(values ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}
