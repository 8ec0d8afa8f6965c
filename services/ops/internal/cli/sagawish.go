package cli

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
)

func (a *app) sagaRetry() *cobra.Command {
	var step string
	var c change
	cmd := &cobra.Command{
		Use: "retry ORDER", Short: "Send the outstanding command, or an owed compensation, again now", Args: cobra.ExactArgs(1),
		Long: `Send the outstanding command again now or, where none is outstanding, an owed compensation: that of --step, or the last
one in the table. Participants know repeated commands, so this is always safe.`,
		Example:           "  orderctl saga retry 0199b1de-7c1e-7aaa-8bbb-0123456789ab --reason 'the provider is back'",
		ValidArgsFunction: a.stuckOrder,
		RunE: func(cmd *cobra.Command, args []string) error {
			body := manager.Retry{Reason: c.reason}
			if step != "" {
				body.Step = &step
			}
			return a.wish(cmd, &c, args[0], "retry", body)
		},
	}
	cmd.Flags().StringVar(&step, "step", "", "the step whose compensation is owed")
	c.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("step", a.steps)
	return cmd
}

func (a *app) sagaWaive() *cobra.Command {
	var step string
	var c change
	cmd := &cobra.Command{
		Use: "waive ORDER", Short: "Give up an owed compensation, for ever", Args: cobra.ExactArgs(1),
		Long: `Give up an owed compensation, for ever: what it would have undone stays done, and the order goes on to its end. Settle it
by hand first. It is recorded as waived; nothing else can be skipped.`,
		Example:           "  orderctl saga waive 0199b1de-7c1e-7aaa-8bbb-0123456789ab --step 'capture payment' --reason 'refunded by hand, case 4711'",
		ValidArgsFunction: a.stuckOrder,
		RunE: func(cmd *cobra.Command, args []string) error {
			if step == "" {
				return program.Usage(errors.New("--step is not set: name the step whose compensation is owed (orderctl saga show ORDER lists them)"))
			}
			return a.wish(cmd, &c, args[0], "waive", manager.Waive{Step: step, Reason: c.reason})
		},
	}
	cmd.Flags().StringVar(&step, "step", "", "the step whose compensation is owed (required)")
	c.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("step", a.steps)
	return cmd
}

func (a *app) sagaUnwind() *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use: "unwind ORDER", Short: "Undo an order that is in flight", Args: cobra.ExactArgs(1),
		Long:              "Undo an order that is in flight, as if the deadline of its outstanding step had passed. Denied once the dispatch was asked for.",
		Example:           "  orderctl saga unwind 0199b1de-7c1e-7aaa-8bbb-0123456789ab --reason 'fraud, case 4711'",
		ValidArgsFunction: a.anyOrder,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.wish(cmd, &c, args[0], "unwind", manager.Unwind{Reason: c.reason})
		},
	}
	c.register(cmd)
	return cmd
}

// wish shows what an order's instance is like, asks, and has the wish done.
func (a *app) wish(cmd *cobra.Command, c *change, order, verb string, body any) error {
	id, err := parseOrder(order)
	if err != nil {
		return err
	}
	path := "/admin/v1/instances/" + id.String()
	var i manager.Instance
	if err := a.managers().Get(cmd.Context(), path, &i); err != nil {
		return err
	}
	if err := a.confirm(cmd, c, sentence("%s order %s of %s (%s)", capital(verb), id, i.CustomerId, situation(&i))); err != nil {
		return err
	}
	if err := a.managers().Wish(cmd.Context(), path+"/"+verb, body, &i); err != nil {
		return err
	}
	s := a.screen(cmd)
	if s.JSON {
		return s.Encode(i, true)
	}
	return s.Line("%s: %s; now %s. Follow it with: orderctl why %s", verb, lastNote(&i), situation(&i), id)
}

// lastNote is what the last entry of the history says.
func lastNote(i *manager.Instance) string {
	if i.History == nil || len(*i.History) == 0 {
		return "done"
	}
	last := (*i.History)[len(*i.History)-1]
	if last.Note == "" {
		return string(last.Effect)
	}
	return last.Note
}

func capital(verb string) string { return string(verb[0]-'a'+'A') + verb[1:] }

func (a *app) sagaRelease() *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use: "release STORM", Short: "Let the orders of a deadline storm be undone", Args: cobra.ExactArgs(1),
		Long:    "Let the orders of a deadline storm be undone whose deadline has passed by now. What comes later is guarded anew.",
		Example: "  orderctl saga storms --on\n  orderctl saga release 0199b1de-7c1e-7aaa-8bbb-0123456789ab --reason 'the provider is gone for today'",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return program.Usage(fmt.Errorf("%q is no id of a storm: orderctl saga storms --on lists them", args[0]))
			}
			if err := a.confirm(cmd, &c, sentence("Release storm %s", id)); err != nil {
				return err
			}
			var storm manager.Storm
			if err := a.managers().Wish(cmd.Context(), "/admin/v1/storms/"+id.String()+"/release", manager.Release{Reason: c.reason}, &storm); err != nil {
				return err
			}
			s := a.screen(cmd)
			if s.JSON {
				return s.Encode(storm, true)
			}
			return s.Line("released: orders that wait for %s are undone where their deadline has passed", storm.Step)
		},
	}
	c.register(cmd)
	return cmd
}
