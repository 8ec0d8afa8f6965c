package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/screen"
)

const definitionsPath = "/admin/v1/definitions"

// diffPatience is more than the process manager's own for a comparison.
const diffPatience = 40 * time.Second

var errVersionsDiffer = errors.New("the versions do not do the same")

func (a *app) definition() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "definition", Short: "Look at the versions of the saga's definition, and where one would do something else",
		Example: "  orderctl definition list\n  orderctl definition diff --from 1 --to 2",
	})
	cmd.AddCommand(a.definitionList(), a.definitionDiff())
	return cmd
}

func (a *app) versions(ctx context.Context) (out []manager.Definition, err error) {
	var got manager.DefinitionPage
	err = a.managers().Get(ctx, definitionsPath, &got)
	return got.Items, err
}

func (a *app) definitionList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the versions that a process manager holds, the newest first", Args: cobra.NoArgs,
		Example: "  orderctl definition list\n  orderctl definition list -o json | jq -r '.items[0].mermaid'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			versions, err := a.versions(cmd.Context())
			if err != nil {
				return err
			}
			return showVersions(a.screen(cmd), versions)
		},
	}
}

func showVersions(s *screen.Screen, versions []manager.Definition) error {
	if s.JSON {
		return s.Encode(listed[manager.Definition]{Items: versions}, true)
	}
	rows := make([][]string, 0, len(versions))
	for _, v := range versions {
		starts := screen.Good("yes")
		if !v.Starts {
			starts = "no"
		}
		rows = append(rows, []string{v.Name, strconv.Itoa(v.Version), starts, strings.Join(v.Steps, ", ")})
	}
	return s.Table([]string{"DEFINITION", "VERSION", "NEW ORDERS", "STEPS"}, rows)
}

func (a *app) definitionDiff() *cobra.Command {
	var from, to, limit int
	var order string
	cmd := &cobra.Command{
		Use: "diff", Short: "Say where a version's commands would differ from those that recorded orders led to", Args: cobra.NoArgs,
		Long: `Say where a version's commands would differ from those that recorded orders led to.

The process manager runs the version over the recorded histories of orders that began under another one. Nothing is sent or changed.
A release holds its next version before any order begins under it: ask a replica that holds it with --processmanager-admin, or
run processmanager definition diff of a build that no replica runs yet.

Exit codes: 0 they do the same, 1 they differ, 2 usage or no such version, 3 not reachable, or too many orders for one answer.`,
		Example: "  orderctl definition diff\n" +
			"  orderctl definition diff --from 1 --to 2 --limit 1000\n" +
			"  orderctl definition diff --from 1 --to 2 --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if order != "" {
				id, err := parseOrder(order)
				if err != nil {
					return err
				}
				query.Set("order", id.String())
			}
			if from == 0 || to == 0 {
				versions, err := a.versions(cmd.Context())
				if err != nil {
					return err
				}
				if from, to, err = between(versions, from, to); err != nil {
					return err
				}
			}
			query.Set("from", strconv.Itoa(from))
			query.Set("to", strconv.Itoa(to))
			client := a.managers()
			client.HTTP = &http.Client{Timeout: diffPatience}
			var found manager.DefinitionDiff
			if err := client.Get(cmd.Context(), definitionsPath+"/diff?"+query.Encode(), &found); err != nil {
				return err
			}
			if err := showDiff(a.screen(cmd), &found); err != nil {
				return err
			}
			if found.Differ > 0 {
				return errVersionsDiffer
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&from, "from", 0, "version that the orders began under (default: the one that new orders begin under)")
	flags.IntVar(&to, "to", 0, "version to compare with (default: the newest, which no order begins under yet)")
	flags.IntVar(&limit, "limit", 200, "how many orders, the newest first, 1 to 1000")
	flags.StringVar(&order, "order", "", "only this order")
	for _, name := range []string{"from", "to"} {
		_ = cmd.RegisterFlagCompletionFunc(name, a.versionNumbers)
	}
	return cmd
}

// between are the versions to compare, where not both were named: what is, and what comes next.
func between(versions []manager.Definition, from, to int) (int, int, error) {
	if from == 0 {
		if i := slices.IndexFunc(versions, func(v manager.Definition) bool { return v.Starts }); i >= 0 {
			from = versions[i].Version
		}
	}
	if to == 0 && len(versions) > 0 && versions[0].Version > from {
		to = versions[0].Version
	}
	if from == 0 || to == 0 {
		return 0, 0, program.Usage(fmt.Errorf("this process manager holds no version after %d: give --to, or ask one of the release that does (--processmanager-admin)", from))
	}
	return from, to, nil
}

// diffed is the report as processmanager definition diff spells it.
type diffed struct {
	From         manager.VersionName      `json:"from"`
	To           manager.VersionName      `json:"to"`
	Orders       int                      `json:"orders"`
	Same         int                      `json:"same"`
	Differ       int                      `json:"differ"`
	Kinds        []manager.DifferenceKind `json:"kinds"`
	Unreplayable any                      `json:"unreplayable"`
}

// showDiff shows what the process manager said, in its words.
func showDiff(s *screen.Screen, d *manager.DefinitionDiff) error {
	if s.JSON {
		return s.Encode(diffed{d.From, d.To, d.Orders, d.Same, d.Differ, d.Kinds, d.Unreplayable}, true)
	}
	return s.Line("%s", strings.TrimSuffix(d.Text, "\n"))
}

// versionNumbers completes the number of a version.
func (a *app) versionNumbers(cmd *cobra.Command, _ []string, _ string) (out []string, _ cobra.ShellCompDirective) {
	ctx, cancel := briefly(cmd)
	defer cancel()
	versions, err := a.versions(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, v := range versions {
		out = append(out, strconv.Itoa(v.Version)+"\t"+v.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
