package program

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ordersaga.internal/infra/telemetry"
)

// Spec describes a program. C is its configuration struct (see Setting).
type Spec[C any] struct {
	Name    string // "payment"
	Short   string // one sentence, without a full stop
	Example string // of the command line, for --help
	Version string // default: what the build recorded

	// Serve runs until ctx ends. It is what the program does without a command.
	Serve func(ctx context.Context, c C) error
	// Migrate brings the database schema up to date. Nil: there is no such command.
	Migrate func(ctx context.Context, c C) error
	// Commands are what else it can be asked to do.
	Commands []Command[C]
}

// Command is something that a program does once, and ends; or a name over such Commands.
type Command[C any] struct {
	Name     string // "verify"
	Short    string // one sentence, without a full stop
	Long     string // more of it; may be ""
	Example  string // may be ""
	Need     string // settings with this in their need tag must be set; "": with the name
	Flags    func(*pflag.FlagSet)
	Do       func(ctx context.Context, c C, out io.Writer) error // out is for its result
	Commands []Command[C]
}

// Main runs the program with the process's arguments and environment, and exits with its code.
func Main[C any](s Spec[C]) {
	os.Exit(Run(context.Background(), s, os.Args[1:], os.Environ()))
}

// Run runs the program with these arguments and this environment, and returns its exit code.
func Run[C any](ctx context.Context, s Spec[C], args, environment []string) int {
	return s.execute(ctx, args, environment, os.Stdout, os.Stderr)
}

func (s Spec[C]) execute(ctx context.Context, args, environment []string, stdout, stderr io.Writer) int {
	root := s.Command(environment)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return untilSignal(ctx, s.Name, stderr, root.ExecuteContext)
}

// Execute runs a command line that is no server and returns its exit code. It ends as every program here: an error is one line
// a fault, wrong flags and arguments are an ErrUsage, its context ends with a signal.
func Execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage(err) })
	markusage(root)
	root.SetArgs(args)
	return untilSignal(ctx, root.Name(), root.ErrOrStderr(), root.ExecuteContext)
}

// Command returns the program as a command of cobra.
func (s Spec[C]) Command(environment []string) *cobra.Command {
	settings := Settings(new(C))
	root := &cobra.Command{
		Use: s.Name, Short: s.Short, Example: s.Example, Args: cobra.NoArgs,
		SilenceUsage: true, SilenceErrors: true,
		RunE: s.command("serve", settings, environment, s.Serve),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage(err) })
	root.CompletionOptions.DisableDefaultCmd = true
	for _, setting := range settings {
		if setting.Flag == "" {
			continue
		}
		root.PersistentFlags().String(setting.Flag, "", help(setting))
	}
	root.PersistentFlags().SortFlags = false
	root.Long = s.Short + ".\n\nSettings come from the environment; flags win." + secrets(settings)
	root.AddCommand(&cobra.Command{
		Use: "serve", Short: "Serve until stopped (the default)", Args: cobra.NoArgs, RunE: root.RunE,
	})
	if s.Migrate != nil {
		root.AddCommand(&cobra.Command{
			Use: "migrate", Short: "Bring the database schema up to date, as its owner", Args: cobra.NoArgs,
			RunE: s.command("migrate", settings, environment, s.Migrate),
		})
	}
	s.add(root, s.Commands, settings, environment)
	root.AddCommand(s.version(), listing(settings))
	markusage(root)
	return root
}

func (s Spec[C]) add(to *cobra.Command, commands []Command[C], settings []Setting, environment []string) {
	for _, c := range commands {
		cmd := &cobra.Command{Use: c.Name, Short: c.Short, Long: c.Long, Example: c.Example, Args: cobra.NoArgs}
		if c.Flags != nil {
			c.Flags(cmd.Flags())
		}
		if c.Do != nil {
			cmd.RunE = s.command(cmp.Or(c.Need, c.Name), settings, environment, func(ctx context.Context, config C) error {
				return c.Do(ctx, config, cmd.OutOrStdout())
			})
		}
		s.add(cmd, c.Commands, settings, environment)
		to.AddCommand(cmd)
	}
}

func (s Spec[C]) command(
	command string, settings []Setting, environment []string, do func(context.Context, C) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		var config C
		if err := Parse(&config, command, environment, given(cmd.Flags(), settings)); err != nil {
			return err
		}
		return do(cmd.Context(), config)
	}
}

func (s Spec[C]) version() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Say what this is", Args: cobra.NoArgs}
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		build := telemetry.BuildOf(s.Name, s.Version)
		switch *output {
		case "json":
			return json.NewEncoder(cmd.OutOrStdout()).Encode(build)
		case "text":
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s, %s)\n", build.Service, build.Version, build.Revision, build.Go)
			return err
		}
		return Usage(fmt.Errorf("--output must be text or json"))
	}
	return cmd
}

// listing says all settings at once, for people and for what documents them.
func listing(settings []Setting) *cobra.Command {
	cmd := &cobra.Command{Use: "settings", Short: "List the settings", Example: "settings -o json", Args: cobra.NoArgs}
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch *output {
		case "json":
			return json.NewEncoder(cmd.OutOrStdout()).Encode(settings)
		case "text":
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, s := range settings {
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Env, s.Kind, cmp.Or(s.Default, "-"), s.Doc) // Flush tells
			}
			return w.Flush()
		}
		return Usage(fmt.Errorf("--output must be text or json"))
	}
	return cmd
}

// given returns the values of the flags that were set, by variable name.
func given(flags *pflag.FlagSet, settings []Setting) map[string]string {
	out := map[string]string{}
	for _, s := range settings {
		if f := flags.Lookup(s.Flag); s.Flag != "" && f != nil && f.Changed {
			out[s.Env] = f.Value.String()
		}
	}
	return out
}

func help(s Setting) string {
	text := strings.TrimSuffix(s.Doc, ".") + " [" + s.Env
	if s.Default != "" {
		text += "=" + s.Default
	}
	return text + "]"
}

// secrets tells of the settings that have no flag.
func secrets(settings []Setting) string {
	var out strings.Builder
	for _, s := range settings {
		if s.Flag == "" {
			out.WriteString("\n  " + s.Env + "  " + s.Doc)
		}
	}
	if out.Len() == 0 {
		return ""
	}
	return " Only from the environment:\n" + out.String()
}

// markUsage makes what cobra says about wrong arguments a usage error.
func markusage(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error { return Usage(check(cmd, args)) }
	for _, sub := range cmd.Commands() {
		markusage(sub)
	}
}
