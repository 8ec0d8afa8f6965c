package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/screen"
)

const lettersPath = "/admin/v1/deadletters"

func (a *app) letters() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "deadletters", Aliases: []string{"dlq"}, Short: "Look at messages that were set aside, mend them, and hand them back",
		Long: `Look at messages that were set aside, mend them, and hand them back.

Every program has its own, except the archive, which keeps everything as it is. Later messages of the same order wait behind a
dead letter, so a redrive handles them all, in order.`,
		Example: "  orderctl deadletters list\n  orderctl deadletters redrive payment 42 --reason 'the fixed build runs'",
	})
	cmd.AddCommand(a.letterList(), a.letterShow(), a.letterRedrive(), a.letterEdit(), a.letterDiscard(), a.letterAudit())
	return cmd
}

// letterFilter are the flags of a list.
type letterFilter struct {
	page
	program, order, topic, reason, kind string
	waiting                             bool
}

func (a *app) letterList() *cobra.Command {
	var f letterFilter
	cmd := &cobra.Command{
		Use: "list", Short: "List dead letters of every program, the newest first", Args: cobra.NoArgs,
		Long: `List dead letters of every program, the newest first.

A program that does not answer is named, and the others' letters are shown all the same. Exit codes: 0 every program answered, 3 not every one.`,
		Example: "  orderctl deadletters list --waiting=false          # those that failed, without what waits behind them\n" +
			"  orderctl deadletters list --program payment --reason undecidable --all -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return eachProgram(a, cmd, &f, func(c adminapi.Client, q string) ([]adminapi.Letter, *string, error) {
				var got adminapi.LetterPage
				err := c.Get(cmd.Context(), lettersPath+"?"+q, &got)
				return got.Items, got.NextCursor, err
			}, showLetters)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.topic, "topic", "", "only messages of this topic")
	flags.StringVar(&f.reason, "reason", "", "only this reason: undecidable, unreadable, unknown type, null value, too large, bad key, poison, behind")
	flags.StringVar(&f.kind, "type", "", "only this wire type, such as AuthorizePayment.v1")
	flags.BoolVar(&f.waiting, "waiting", false, "only those that wait behind another; --waiting=false: only those that do not")
	_ = cmd.RegisterFlagCompletionFunc("reason", fixed("undecidable", "unreadable", "unknown type", "null value", "too large", "bad key", "poison", "behind"))
	return cmd
}

func (f *letterFilter) register(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.program, "program", "", "only those of this program: "+strings.Join(machineNames(), ", "))
	cmd.Flags().StringVar(&f.order, "order", "", "only those of this order")
	f.page.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("program", fixed(machineNames()...))
}

func (f *letterFilter) query(cmd *cobra.Command) (url.Values, error) {
	if f.cursor != "" && f.program == "" {
		return nil, program.Usage(errors.New("--cursor is of one program's list: give --program, too"))
	}
	query := url.Values{}
	if f.order != "" {
		id, err := parseOrder(f.order)
		if err != nil {
			return nil, err
		}
		query.Set("subject", id.String())
	}
	for name, value := range map[string]string{"topic": f.topic, "reason": f.reason, "type": f.kind} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if cmd.Flags().Changed("waiting") {
		query.Set("waiting", strconv.FormatBool(f.waiting))
	}
	return query, nil
}

// found is what the programs that were asked have. Its page says who did not answer: the others' is worth seeing all the same.
type found[T any] struct {
	listed[T]
	Away []string `json:"away,omitempty"`
}

// missed notes an error of a program that is not reachable, and tells whether it is one.
func (f *found[T]) missed(err error) bool {
	if !errors.Is(err, program.ErrNotReachable) {
		return false
	}
	f.Away = append(f.Away, err.Error())
	return true
}

// err is nil where everybody answered.
func (f *found[T]) err() error {
	if len(f.Away) == 0 {
		return nil
	}
	return program.NotReachable(errors.New("not everybody answered: " + strings.Join(f.Away, "; ")))
}

// gap says that nothing was found where not everybody was asked.
func (f *found[T]) gap() string {
	if len(f.Away) == 0 {
		return ""
	}
	return " of those that answered"
}

// eachProgram asks the programs that are wanted, and shows what they have. A program that is not reachable leaves a gap, which is
// told, also by the exit code.
func eachProgram[T any](a *app, cmd *cobra.Command, f *letterFilter, read func(c adminapi.Client, query string) ([]T, *string, error),
	show func(s *screen.Screen, f *found[T]) error,
) error {
	query, err := f.query(cmd)
	if err != nil {
		return err
	}
	clients := a.machines()
	if f.program != "" {
		c, err := a.machineNamed(f.program)
		if err != nil {
			return err
		}
		clients = []adminapi.Client{c}
	}
	var out found[T]
	for _, c := range clients {
		items, cursor, err := walk(&f.page, query, func(q string) ([]T, *string, error) { return read(c, q) })
		if err != nil && !out.missed(err) {
			return err
		}
		if out.Items = append(out.Items, items...); cursor != "" && out.NextCursor == "" {
			out.NextCursor = cursor + " --program " + c.Program
		}
		query.Del("cursor")
	}
	if len(out.Away) < len(clients) { // else there is nothing but the error to show
		if err := show(a.screen(cmd), &out); err != nil {
			return err
		}
	}
	return out.err()
}

// letterAt reads the arguments PROGRAM LETTER, and the letter.
func (a *app) letterAt(cmd *cobra.Command, args []string) (c adminapi.Client, l adminapi.Letter, err error) {
	if c, err = a.machineNamed(args[0]); err != nil {
		return c, l, err
	}
	id, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil || id < 1 {
		return c, l, program.Usage(fmt.Errorf("%q is no number of a letter: orderctl deadletters list --program %s shows them", args[1], args[0]))
	}
	return c, l, c.Get(cmd.Context(), letterPath(id), &l)
}

func letterPath(id int64) string { return lettersPath + "/" + strconv.FormatInt(id, 10) }

func (a *app) letterShow() *cobra.Command {
	return &cobra.Command{
		Use: "show PROGRAM LETTER", Short: "Show a dead letter: why, and its bytes", Args: cobra.ExactArgs(2),
		Example: "  orderctl deadletters show processmanager 42", ValidArgsFunction: a.letterArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, l, err := a.letterAt(cmd, args)
			if err != nil {
				return err
			}
			return showLetter(a.screen(cmd), &l)
		},
	}
}

func (a *app) letterAudit() *cobra.Command {
	var f letterFilter
	cmd := &cobra.Command{
		Use: "audit", Short: "List what operators did to dead letters, the newest first", Args: cobra.NoArgs,
		Example: "  orderctl deadletters audit --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return eachProgram(a, cmd, &f, func(c adminapi.Client, q string) ([]adminapi.LetterEntry, *string, error) {
				var got adminapi.LetterEntryPage
				err := c.Get(cmd.Context(), lettersPath+"/audit?"+q, &got)
				return got.Items, got.NextCursor, err
			}, showAudit)
		},
	}
	f.register(cmd)
	return cmd
}

// letterArgs completes PROGRAM LETTER.
func (a *app) letterArgs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return machineNames(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		c, err := a.machineNamed(args[0])
		if err != nil {
			break
		}
		ctx, cancel := briefly(cmd)
		defer cancel()
		var got adminapi.LetterPage
		if err := c.Get(ctx, lettersPath+"?waiting=false", &got); err != nil {
			break
		}
		var out []string
		for _, l := range got.Items {
			out = append(out, strconv.FormatInt(l.ID, 10)+"\t"+strings.TrimSpace(optional(l.Type)+" "+l.Reason))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
