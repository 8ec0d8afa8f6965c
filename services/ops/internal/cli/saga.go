package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
)

func (a *app) saga() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "saga", Short: "Look at saga instances, and repair those that need an operator",
		Example: "  orderctl saga list --stuck\n  orderctl saga retry 0199b1de-7c1e-7aaa-8bbb-0123456789ab --reason 'the provider is back'",
	})
	cmd.AddCommand(a.sagaList(), a.sagaShow(), a.sagaRetry(), a.sagaWaive(), a.sagaUnwind(), a.sagaStorms(), a.sagaRelease())
	return cmd
}

// page are the flags of a list.
type page struct {
	limit  int
	cursor string
	all    bool
}

func (p *page) register(cmd *cobra.Command) {
	cmd.Flags().IntVar(&p.limit, "limit", 20, "most rows, 1 to 200")
	cmd.Flags().StringVar(&p.cursor, "cursor", "", "go on where the page before ended")
	cmd.Flags().BoolVar(&p.all, "all", false, "every page")
}

// check refuses what no server would take.
func (p *page) check() error {
	if p.limit < 1 || p.limit > 200 {
		return program.Usage(fmt.Errorf("--limit %d: give 1 to 200, or --all", p.limit))
	}
	return nil
}

// walk reads the pages that are wanted and returns the cursor of what is left, "" where nothing is.
func walk[T any](p *page, query url.Values, read func(query string) (items []T, next *string, err error)) (out []T, rest string, err error) {
	if err := p.check(); err != nil {
		return nil, "", err
	}
	query.Set("limit", strconv.Itoa(p.limit))
	for rest = p.cursor; ; {
		if rest != "" {
			query.Set("cursor", rest)
		}
		items, next, err := read(query.Encode())
		if err != nil {
			return nil, "", err
		}
		if out = append(out, items...); next == nil {
			return out, "", nil
		}
		if rest = *next; !p.all {
			return out, rest, nil
		}
	}
}

func (a *app) sagaList() *cobra.Command {
	var state, customer, step string
	var stuck bool
	var p page
	cmd := &cobra.Command{
		Use: "list", Short: "List instances, the newest order first", Args: cobra.NoArgs,
		Example: "  orderctl saga list --stuck\n  orderctl saga list --state unwinding --step 'capture payment'\n  orderctl saga list --customer alice --all -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			for name, value := range map[string]string{"state": state, "customer": customer, "step": step} {
				if value != "" {
					query.Set(name, value)
				}
			}
			if cmd.Flags().Changed("stuck") {
				query.Set("stuck", strconv.FormatBool(stuck))
			}
			items, rest, err := walk(&p, query, func(q string) ([]manager.Instance, *string, error) {
				var got manager.InstancePage
				err := a.managers().Get(cmd.Context(), "/admin/v1/instances?"+q, &got)
				return got.Items, got.NextCursor, err
			})
			if err != nil {
				return err
			}
			return showInstances(a.screen(cmd), items, rest)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&stuck, "stuck", false, "only those that need an operator; --stuck=false: only those that do not")
	flags.StringVar(&state, "state", "", "only this state: running, unwinding, ending, completed, rejected, cancelled")
	flags.StringVar(&step, "step", "", "only those that wait for this step, or owe its compensation")
	flags.StringVar(&customer, "customer", "", "only orders of this customer")
	p.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("state", fixed("running", "unwinding", "ending", "completed", "rejected", "cancelled"))
	_ = cmd.RegisterFlagCompletionFunc("step", a.steps)
	return cmd
}

func (a *app) sagaShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ORDER", Short: "Show an instance: steps, outstanding command, history", Args: cobra.ExactArgs(1),
		Example:           "  orderctl saga show 0199b1de-7c1e-7aaa-8bbb-0123456789ab",
		ValidArgsFunction: a.anyOrder,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseOrder(args[0])
			if err != nil {
				return err
			}
			var i manager.Instance
			if err := a.managers().Get(cmd.Context(), "/admin/v1/instances/"+id.String(), &i); err != nil {
				return err
			}
			return showInstance(a.screen(cmd), &i)
		},
	}
}

func (a *app) sagaStorms() *cobra.Command {
	var on bool
	var p page
	cmd := &cobra.Command{
		Use: "storms", Short: "List deadline storms, the newest first", Args: cobra.NoArgs,
		Long:    "List deadline storms: times in which too many orders had no answer from one step, so that none is undone for it.",
		Example: "  orderctl saga storms --on",
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if cmd.Flags().Changed("on") {
				query.Set("on", strconv.FormatBool(on))
			}
			items, rest, err := walk(&p, query, func(q string) ([]manager.Storm, *string, error) {
				var got manager.StormPage
				err := a.managers().Get(cmd.Context(), "/admin/v1/storms?"+q, &got)
				return got.Items, got.NextCursor, err
			})
			if err != nil {
				return err
			}
			return showStorms(a.screen(cmd), items, rest)
		},
	}
	cmd.Flags().BoolVar(&on, "on", false, "only those that are on; --on=false: only those that ended")
	p.register(cmd)
	return cmd
}

// briefly bounds what a completion may ask for.
func briefly(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, time.Second)
}

// orders completes the id of an order by the newest instances that the query finds.
func (a *app) orders(cmd *cobra.Command, query string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := briefly(cmd)
	defer cancel()
	var got manager.InstancePage
	if err := a.managers().Get(ctx, "/admin/v1/instances?"+query, &got); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for i := range got.Items {
		out = append(out, got.Items[i].OrderId.String()+"\t"+situation(&got.Items[i]))
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (a *app) anyOrder(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.orders(cmd, "")
}

func (a *app) stuckOrder(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.orders(cmd, "stuck=true")
}

// steps completes the name of a step.
func (a *app) steps(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := briefly(cmd)
	defer cancel()
	var got manager.DefinitionPage
	if err := a.managers().Get(ctx, "/admin/v1/definitions", &got); err != nil || len(got.Items) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return got.Items[0].Steps, cobra.ShellCompDirectiveNoFileComp
}

// situation is an instance in a few words.
func situation(i *manager.Instance) string {
	out := string(i.State)
	if o := i.Outstanding; o != nil {
		out += ", waits for " + waitsFor(o)
	}
	if owed := owed(i); len(owed) > 0 {
		out += ", owes " + strings.Join(owed, ", ")
	}
	return out
}

// waitsFor names the outstanding command.
func waitsFor(o *manager.Outstanding) string {
	if o.Undo {
		return "undo of " + o.Step
	}
	return o.Step
}

// owed are the steps whose compensation failed for good.
func owed(i *manager.Instance) (out []string) {
	for _, s := range i.Steps {
		if s.Outcome == manager.Owed {
			out = append(out, s.Step)
		}
	}
	return out
}
