package cli

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

// tapFlags are those of tap.
type tapFlags struct {
	order, kind, from string
	limit             int
	follow            bool
}

func (a *app) tap() *cobra.Command {
	var f tapFlags
	cmd := &cobra.Command{
		Use: "tap [topic…]", Short: "Show messages as they come, or came",
		Long: `Show messages as they come, or came: decoded, on the topics given or on all six.

It reads beside the flow: in no group, and without a trace at the brokers. --from says where to begin; it ends where the
log ends, unless --from is end, which is the default, or --follow is given. A type that is not known is shown raw.`,
		Example: `  orderctl tap                                          # everything, live
  orderctl tap payment.events --type PaymentDeclined
  orderctl tap --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab --from begin
  orderctl tap order.events --from -5m -n 100 -o json | jq .data.customer_id`,
		ValidArgsFunction: fixed(contracts.Topics()...),
		RunE: func(cmd *cobra.Command, topics []string) error {
			q, err := f.query(topics, time.Now())
			if err != nil {
				return err
			}
			return a.runTap(cmd, q)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.order, "order", "", "only messages of this order")
	flags.StringVar(&f.kind, "type", "", "only this type: OrderPlaced, or one version: OrderPlaced.v1")
	flags.StringVar(&f.from, "from", "end", "begin, end, an offset, a time (RFC 3339) or a time ago (-5m)")
	flags.IntVarP(&f.limit, "number", "n", 0, "end after so many messages")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on at the end of the log")
	var types []string
	for _, e := range contracts.Entries() {
		types = append(types, e.Type)
	}
	_ = cmd.RegisterFlagCompletionFunc("type", fixed(types...))
	_ = cmd.RegisterFlagCompletionFunc("from", fixed("begin", "end", "-5m", "-1h"))
	_ = cmd.RegisterFlagCompletionFunc("order", a.anyOrder)
	return cmd
}

func (f *tapFlags) query(topics []string, now time.Time) (q tap.Query, err error) {
	q = tap.Query{Topics: topics, Type: f.kind, Limit: f.limit, Follow: f.follow}
	if len(topics) == 0 {
		q.Topics = contracts.Topics()
	}
	if f.limit < 0 {
		return q, program.Usage(fmt.Errorf("-n %d: give how many messages to show, or 0 for all", f.limit))
	}
	if f.order != "" {
		if q.Order, err = parseOrder(f.order); err != nil {
			return q, err
		}
	}
	if q.From, err = tap.ParseFrom(f.from, now); err != nil {
		return q, program.Usage(err)
	}
	if q.From.End {
		q.Follow = true
	}
	return q, nil
}

func (a *app) runTap(cmd *cobra.Command, q tap.Query) error {
	s := a.screen(cmd)
	show := func(r tap.Record) error {
		if s.JSON {
			return s.Encode(r, false)
		}
		return s.Line("%s", spellRecord(&r, q.Order != uuid.Nil))
	}
	if q.Order == uuid.Nil || q.Follow {
		_, err := tap.Read(cmd.Context(), a.broker(), q, show)
		return err
	}
	// One order's past is short: it is shown as it happened, across topics.
	limit := q.Limit
	q.Limit = 0
	var records []tap.Record
	if _, err := tap.Read(cmd.Context(), a.broker(), q, func(r tap.Record) error { records = append(records, r); return nil }); err != nil {
		return err
	}
	tap.Sort(records)
	for i, r := range records {
		if limit > 0 && i == limit {
			break
		}
		if err := show(r); err != nil {
			return err
		}
	}
	return nil
}

// spellRecord is a record on one line.
func spellRecord(r *tap.Record, oneOrder bool) string {
	parts := []string{
		screen.Dim(screen.Clock(r.WrittenAt)), fmt.Sprintf("%-24s", r.Place()), screen.Kind(fmt.Sprintf("%-24s", r.Type()), r.Topic),
	}
	if !oneOrder {
		parts = append(parts, r.Key)
	}
	if r.Problem == "" {
		parts = append(parts, screen.Body(r.Data))
	} else {
		parts = append(parts, screen.Warn(r.Problem+":"), raw(r.Raw))
	}
	parts = append(parts, screen.Dim(strings.Join(envelope(r), " ")))
	return screen.OneLine(strings.TrimRight(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "  "), " "))
}

func envelope(r *tap.Record) []string {
	var out []string
	if source := r.Source(); source != "" {
		out = append(out, fmt.Sprintf("%s#%d", source[strings.LastIndexByte(source, '/')+1:], r.Sequence()))
	}
	if n := r.Attempt(); n > 0 {
		out = append(out, fmt.Sprintf("attempt %d", n))
	}
	return out
}

// raw shows bytes as text where they are some.
func raw(b []byte) string {
	for _, c := range string(b) {
		if c == '\uFFFD' || c < ' ' && c != '\n' && c != '\t' {
			return base64.StdEncoding.EncodeToString(b)
		}
	}
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(string(b))
}
