package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

const positionsPath = "/admin/v1/positions"

// beginning is the first record that the log holds.
const beginning = "beginning"

func (a *app) replay() *cobra.Command {
	var c change
	var to, topic string
	var partition int32
	cmd := &cobra.Command{
		Use: "replay PROGRAM", Short: "Let a program read again what it has read", Args: cobra.ExactArgs(1),
		Long: `Let a program read again what it has read: its positions go back, and it finds out within seconds, while it runs.

Whatever it did stays done: it recognises each message, sends nothing new and calls nobody. So a replay repairs what was lost or
changed behind the program's back only where it writes the same again; to build the read model anew use orderview rebuild.
It only goes back and skips nothing. What retention took from the log cannot be read again, which is told.`,
		Example: "  orderctl replay loyalty --to beginning --reason 'restored from last night'\n" +
			"  orderctl replay warehouse --to -2h --topic warehouse.commands --reason 'the disk lost its last hour'\n" +
			"  orderctl replay warehouse --to 1200 --topic warehouse.commands --partition 3 --reason 'case 4713' --yes",
		ValidArgsFunction: firstArg(machineNames()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.machineNamed(args[0])
			if err != nil {
				return err
			}
			wish := adminapi.Rewinding{Topic: topic, Reason: c.reason}
			if wish.To, err = parseTarget(to, time.Now()); err != nil {
				return err
			}
			what := "everything that " + args[0] + " reads"
			if topic != "" {
				what = topic
			}
			if cmd.Flags().Changed("partition") {
				wish.Partition, what = &partition, fmt.Sprintf("%s/%d", what, partition)
			}
			if wish.To.Offset != nil && (topic == "" || wish.Partition == nil) {
				return program.Usage(fmt.Errorf("--to %s is an offset of a single partition: give --topic and --partition, too", to))
			}
			if err := a.confirm(cmd, &c, sentence("Let %s read %s again, from %s", args[0], what, to)); err != nil {
				return err
			}
			var done adminapi.Rewound
			if err := client.Wish(cmd.Context(), positionsPath+"/rewind", wish, &done); err != nil {
				return err
			}
			return showRewound(a.screen(cmd), &done)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&to, "to", "", "beginning, a time (RFC 3339), a time ago (-5m), or an offset of one partition (required)")
	flags.StringVar(&topic, "topic", "", "only this topic")
	flags.Int32Var(&partition, "partition", 0, "only this partition")
	c.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", fixed(beginning, "-5m", "-1h"))
	_ = cmd.RegisterFlagCompletionFunc("topic", fixed(contracts.Topics()...))
	return cmd
}

// parseTarget reads beginning, a time, a time ago or an offset.
func parseTarget(s string, now time.Time) (t adminapi.Target, err error) {
	if s == beginning {
		return adminapi.Target{Beginning: true}, nil
	}
	from, err := tap.ParseFrom(s, now)
	switch {
	case err != nil || from.End || s == "begin":
		return t, program.Usage(fmt.Errorf("--to %q: give beginning, a time such as %s, a time ago such as -5m, or an offset", s, screen.Time(now)))
	case !from.Time.IsZero():
		return adminapi.Target{Time: &from.Time}, nil
	case from.Offset < 0:
		return t, program.Usage(fmt.Errorf("--to %q: there is no such offset", s))
	}
	return adminapi.Target{Offset: &from.Offset}, nil
}

func showRewound(s *screen.Screen, r *adminapi.Rewound) error {
	if s.JSON {
		return s.Encode(r, true)
	}
	if err := s.Line("%s reads %d records of %d partitions again; follow it with: orderctl positions list %s", r.Group, r.Records(),
		len(r.Moves), r.Group); err != nil {
		return err
	}
	if cut := cutOff(r.Moves); len(cut) > 0 {
		return s.Line("%s", screen.Warn("these logs no longer begin with their first record, so what was before is not read: "+strings.Join(cut, ", ")))
	}
	return nil
}

// cutOff are the places from which on there is nothing older.
func cutOff(moves []adminapi.Moved) (out []string) {
	for _, m := range moves {
		if m.To == m.LogStart && m.LogStart > 0 {
			out = append(out, tap.Place(m.Topic, m.Partition, m.LogStart))
		}
	}
	return out
}

func (a *app) positions() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "positions", Short: "See where the programs read on, and who let them read again",
		Example: "  orderctl positions list\n  orderctl positions rewinds warehouse",
	})
	cmd.AddCommand(a.positionList(), a.rewinds())
	return cmd
}

func (a *app) positionList() *cobra.Command {
	return &cobra.Command{
		Use: "list [PROGRAM…]", Short: "Say where each partition is read on, and how much is not read yet",
		Example: "  orderctl positions list warehouse", ValidArgsFunction: firstArg(machineNames()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = machineNames()
			}
			var out found[adminapi.PositionList]
			for _, name := range args {
				client, err := a.machineNamed(name)
				if err != nil {
					return err
				}
				var got adminapi.PositionList
				if err := client.Get(cmd.Context(), positionsPath, &got); out.missed(err) {
					continue
				} else if err != nil {
					return err
				}
				out.Items = append(out.Items, got)
			}
			if err := showPositions(a.screen(cmd), &out); err != nil {
				return err
			}
			return out.err()
		},
	}
}

func showPositions(s *screen.Screen, f *found[adminapi.PositionList]) error {
	if s.JSON {
		return s.Encode(f, true)
	}
	var rows [][]string
	for _, list := range f.Items {
		for _, p := range list.Items {
			lag := screen.Good("0")
			if p.Lag > 0 {
				lag = screen.Warn(fmt.Sprint(p.Lag))
			}
			rows = append(rows, []string{
				list.Group, fmt.Sprintf("%s/%d", p.Topic, p.Partition), fmt.Sprint(p.Next), fmt.Sprint(p.LogStart), fmt.Sprint(p.LogEnd), lag, optional(p.Owner),
			})
		}
	}
	if len(rows) == 0 {
		return s.Line("no position%s", f.gap())
	}
	return s.Table([]string{"PROGRAM", "PARTITION", "NEXT", "BEGINS", "ENDS", "LAG", "READ BY"}, rows)
}

func (a *app) rewinds() *cobra.Command {
	var p page
	cmd := &cobra.Command{
		Use: "rewinds PROGRAM", Short: "List who let the program read again, and why, the newest first", Args: cobra.ExactArgs(1),
		Example: "  orderctl positions rewinds warehouse", ValidArgsFunction: firstArg(machineNames()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.machineNamed(args[0])
			if err != nil {
				return err
			}
			items, rest, err := walk(&p, url.Values{}, func(q string) ([]adminapi.Rewound, *string, error) {
				var got adminapi.RewoundPage
				err := client.Get(cmd.Context(), positionsPath+"/rewinds?"+q, &got)
				return got.Items, got.NextCursor, err
			})
			if err != nil {
				return err
			}
			return showRewinds(a.screen(cmd), items, rest)
		},
	}
	p.register(cmd)
	return cmd
}

func showRewinds(s *screen.Screen, items []adminapi.Rewound, rest string) error {
	if s.JSON {
		return s.Encode(listed[adminapi.Rewound]{items, rest}, true)
	}
	if len(items) == 0 {
		return s.Line("no rewind")
	}
	rows := make([][]string, 0, len(items))
	for _, r := range items {
		var topics []string
		for _, m := range r.Moves {
			topics = append(topics, m.Topic)
		}
		slices.Sort(topics)
		rows = append(rows, []string{
			screen.Time(r.At), r.Group, r.Target, fmt.Sprintf("%d of %s", len(r.Moves), strings.Join(slices.Compact(topics), ", ")),
			fmt.Sprint(r.Records()), r.Operator, fmt.Sprintf("%q", r.Reason),
		})
	}
	if err := s.Table([]string{"AT", "PROGRAM", "TO", "PARTITIONS", "RECORDS", "OPERATOR", "REASON"}, rows); err != nil {
		return err
	}
	return more(s, rest)
}

// firstArg completes the first argument by a closed list.
func firstArg(values ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}
