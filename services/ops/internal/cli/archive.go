package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

const archivePath = "/admin/v1/archive"

func (a *app) archived() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "archive", Short: "Find messages of any age, and hold the archive against Kafka",
		Example: "  orderctl archive query --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab\n  orderctl archive verify",
	})
	cmd.AddCommand(a.archiveQuery(), a.archiveVerify())
	return cmd
}

func (a *app) archives() adminapi.Client { return a.client("archive", a.archive) }

// archiveFilter are the flags of a query.
type archiveFilter struct {
	page
	order, kind, topic, from, to string
}

func (f *archiveFilter) query(now time.Time) (url.Values, error) {
	query := url.Values{}
	if f.order != "" {
		id, err := parseOrder(f.order)
		if err != nil {
			return nil, err
		}
		query.Set("key", id.String())
	}
	for name, value := range map[string]string{"type": f.kind, "topic": f.topic} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, value := range map[string]string{"from": f.from, "to": f.to} {
		if value == "" {
			continue
		}
		at, err := tap.ParseFrom(value, now)
		if err != nil || at.Time.IsZero() {
			return nil, program.Usage(fmt.Errorf("--%s %q: give a time such as %s, or a time ago such as -5m", name, value, screen.Time(now)))
		}
		query.Set(name, at.Time.UTC().Format(time.RFC3339Nano))
	}
	return query, nil
}

func (a *app) archiveQuery() *cobra.Command {
	var f archiveFilter
	cmd := &cobra.Command{
		Use: "query", Short: "Find archived messages by order, type, topic and time, the oldest first", Args: cobra.NoArgs,
		Example: "  orderctl archive query --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab\n" +
			"  orderctl archive query --type PaymentRefundFailed.v1 --from -24h --all -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := f.query(time.Now())
			if err != nil {
				return err
			}
			s := a.screen(cmd)
			read := func(q string) ([]adminapi.Archived, *string, error) {
				var got adminapi.ArchivedPage
				err := a.archives().Get(cmd.Context(), archivePath+"/records?"+q, &got)
				if err != nil {
					return nil, nil, err
				}
				for i := range got.Items { // as they come: there may be millions
					if err := showArchived(s, &got.Items[i], f.order != ""); err != nil {
						return nil, nil, err
					}
				}
				return nil, got.NextCursor, nil
			}
			_, rest, err := walk(&f.page, query, read)
			if err != nil || s.JSON {
				return err
			}
			return more(s, rest)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.order, "order", "", "only messages of this order")
	flags.StringVar(&f.kind, "type", "", "only this wire type, such as OrderPlaced.v1")
	flags.StringVar(&f.topic, "topic", "", "only messages of this topic")
	flags.StringVar(&f.from, "from", "", "only what was written then or later: a time (RFC 3339), or a time ago (-5m)")
	flags.StringVar(&f.to, "to", "", "only what was written before")
	f.page.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("topic", fixed(contracts.Topics()...))
	return cmd
}

// showArchived shows a record as tap does: a line, also as JSON.
func showArchived(s *screen.Screen, r *adminapi.Archived, oneOrder bool) error {
	headers := make(map[string]string, len(r.Headers))
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value.Raw())
	}
	record := tap.Decode(tap.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, WrittenAt: r.AppendedAt.UTC(), Key: string(r.Key.Raw()), Headers: headers,
	}, r.Value.Raw())
	if s.JSON {
		return s.Encode(record, false)
	}
	return s.Line("%s", screen.Time(record.WrittenAt)[:len("2006-01-02")]+" "+spellRecord(&record, oneOrder))
}

var errArchiveDiffers = errors.New("the archive does not hold")

// verified is what was found of a partition.
type verified struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	adminapi.Verification
}

func (a *app) archiveVerify() *cobra.Command {
	var part int
	cmd := &cobra.Command{
		Use: "verify [topic[/partition]…]", Short: "Hold the archive against its hash chains and against Kafka",
		Long: `Hold the archive against its hash chains and against Kafka: every partition that it has, or the ones given, part by part.
Exit code 1: something differs. Messages that are not archived yet are no difference.`,
		Example:           "  orderctl archive verify\n  orderctl archive verify order.events payment.events/3 -o json",
		ValidArgsFunction: fixed(contracts.Topics()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := a.partitions(cmd, args)
			if err != nil {
				return err
			}
			var all []verified
			differs := false
			for _, p := range wanted {
				v, err := a.verifyPartition(cmd, p, part)
				if err != nil {
					return err
				}
				differs = differs || len(v.Differences) > 0
				all = append(all, v)
			}
			if err := showVerified(a.screen(cmd), all); err != nil {
				return err
			}
			if differs {
				return errArchiveDiffers
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&part, "part", 10000, "about how many records to verify with one request, 1 to 100000")
	return cmd
}

// partitions are those that the archive has and the arguments name.
func (a *app) partitions(cmd *cobra.Command, args []string) ([]adminapi.Stream, error) {
	var streams adminapi.StreamPage
	if err := a.archives().Get(cmd.Context(), archivePath+"/streams", &streams); err != nil {
		return nil, err
	}
	named := func(p adminapi.Stream) bool {
		for _, arg := range args {
			if arg == p.Topic || arg == p.Topic+"/"+strconv.Itoa(int(p.Partition)) {
				return true
			}
		}
		return len(args) == 0
	}
	seen := map[adminapi.Stream]bool{} // a partition may have several streams, and is verified with all of them
	var out []adminapi.Stream
	for _, p := range streams.Items {
		if p = (adminapi.Stream{Topic: p.Topic, Partition: p.Partition}); named(p) && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	if len(out) == 0 && len(args) > 0 {
		return nil, program.Usage(fmt.Errorf("the archive has no %s: give topics, or topic/partition", strings.Join(args, ", ")))
	}
	return out, nil
}

func (a *app) verifyPartition(cmd *cobra.Command, p adminapi.Stream, part int) (verified, error) {
	v := verified{Topic: p.Topic, Partition: p.Partition}
	query := url.Values{"limit": {strconv.Itoa(part)}}
	for {
		var got adminapi.Verification
		path := fmt.Sprintf("%s/verification/%s/%d?%s", archivePath, url.PathEscape(p.Topic), p.Partition, query.Encode())
		if err := a.archives().Get(cmd.Context(), path, &got); err != nil {
			return v, err
		}
		v.Add(got)
		if got.NextCursor == nil {
			return v, nil
		}
		query.Set("cursor", *got.NextCursor)
	}
}

func showVerified(s *screen.Screen, all []verified) error {
	if s.JSON {
		return s.Encode(listed[verified]{Items: all}, true)
	}
	var total verified
	rows := make([][]string, 0, len(all)+1)
	row := func(name string, v *verified) {
		differs := screen.Good("none")
		if n := len(v.Differences); n > 0 {
			differs = screen.Bad(strconv.Itoa(n))
		}
		cells := []string{name}
		for _, n := range []int64{v.Records, v.Compared, v.Retired, v.Behind, v.Beyond} {
			cells = append(cells, strconv.FormatInt(n, 10))
		}
		rows = append(rows, append(cells, differs))
	}
	for i := range all {
		total.Add(all[i].Verification)
		row(fmt.Sprintf("%s/%d", all[i].Topic, all[i].Partition), &all[i])
	}
	row("all", &total)
	if err := s.Table([]string{"PARTITION", "RECORDS", "COMPARED", "RETIRED", "BEHIND", "BEYOND", "DIFFERENCES"}, rows); err != nil {
		return err
	}
	for _, v := range all {
		for _, d := range v.Differences {
			if err := s.Line("%s", screen.Bad(fmt.Sprintf("✗ %s/%d, offsets %d to %d: %s", v.Topic, v.Partition, d.Offset, d.Next-1, d.What))); err != nil {
				return err
			}
		}
	}
	return nil
}
