package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/histories"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

type rebuildOptions struct {
	stack stack.Config
	n     int
	from  string
}

func rebuildCommand() *cobra.Command {
	o := rebuildOptions{stack: stack.Config{Services: stack.Everything()}}
	cmd := &cobra.Command{
		Use: "rebuild", Short: "Rebuild a large read model beside the live one, and see that nobody notices", Args: cobra.NoArgs,
		Long: `Starts a fresh stack, lets some orders live through the whole system, writes the events of many more straight into the
topics, waits until the live read model has them, and has orderview rebuild it, from Kafka or the archive. All along it asks the
order API for the orders that it placed. Prints orders a second, what orderview says, and how many messages were sent meanwhile.
Exit code 1: the two were not equal, a message was sent, or the API failed or lost what it had shown.`,
		Example: "  scripts/rebuild -n 200000 --kafka apache\n  scripts/rebuild -n 5000 --from archive",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.n < 1 || o.from != "kafka" && o.from != "archive" {
				return fmt.Errorf("%w: -n must be positive, --from kafka or archive", errUsage)
			}
			return onFreshStack(cmd.Context(), o.stack, func(s *stack.Stack) error { return rebuildOn(cmd.Context(), s, &o, cmd.OutOrStdout()) })
		},
	}
	stackFlags(cmd, &o.stack, 1)
	cmd.Flags().IntVarP(&o.n, "orders", "n", 5000, "orders in the read model")
	cmd.Flags().StringVar(&o.from, "from", "kafka", "what to rebuild from: kafka or archive")
	return cmd
}

func rebuildOn(ctx context.Context, s *stack.Stack, o *rebuildOptions, out io.Writer) error {
	watched, err := settledOrders(ctx, s)
	if err != nil {
		return err
	}
	// Who would work on the events: here they are only to be read.
	for _, p := range s.Programs {
		if p.Service.Name == "processmanager" || p.Service.Name == "payment" || p.Service.Name == "warehouse" {
			p.Process().Stop(syscall.SIGTERM, 15*time.Second)
		}
	}
	begin := time.Now()
	records, err := histories.Produce(ctx, s.Brokers, o.n)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "log         %d orders, %d records, written in %.1f s\n", o.n, records, time.Since(begin).Seconds())
	if err := reads(ctx, s, "orderview", "positions", contracts.EventTopics()); err != nil {
		return err
	}
	fmt.Fprintf(out, "live        has them %.1f s after the first was written: %.0f orders/s\n", time.Since(begin).Seconds(), float64(o.n)/time.Since(begin).Seconds())

	if o.from == "archive" { // nothing is to be left for Kafka to tell
		if err := reads(ctx, s, "archive", "stream", contracts.Topics()); err != nil {
			return err
		}
		fmt.Fprintf(out, "archive     has them %.1f s after the first was written\n", time.Since(begin).Seconds())
	}

	before, err := logEnds(ctx, s)
	if err != nil {
		return err
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var asked poll
	var polling sync.WaitGroup
	polling.Go(func() { asked.run(asking, watched) })
	begin = time.Now()
	said, err := s.Program("orderview").Ask(ctx, "rebuild", "--from", o.from)
	took := time.Since(begin)
	stop()
	polling.Wait()
	fmt.Fprintf(out, "%s", said)
	if err != nil {
		return err
	}
	after, err := logEnds(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "in all      %.1f s: %.0f orders/s\nAPI         asked %d times meanwhile, %d failures; slowest answer %s\nsent        %d messages\n",
		took.Seconds(), float64(o.n)/took.Seconds(), asked.n, len(asked.failures), asked.slowest.Round(time.Millisecond), after-before)
	if len(asked.failures) > 0 {
		return fmt.Errorf("does not hold: the API failed: %s", asked.failures[0])
	}
	if after != before {
		return fmt.Errorf("does not hold: %d messages were sent", after-before)
	}
	return nil
}

// watchedOrder is one that the API is asked for.
type watchedOrder struct {
	client *load.Client
	id     uuid.UUID
}

// enriched is what of an order comes from the read model.
type enriched struct {
	Status  string `json:"status"`
	Payment *struct {
		Captured *contracts.Money `json:"captured"`
	} `json:"payment"`
	Parcel *struct {
		ShipmentID string `json:"shipment_id"`
	} `json:"parcel"`
}

func (w *watchedOrder) ask(ctx context.Context) error {
	var o enriched
	_, err := w.client.Do(ctx, http.MethodGet, "/v1/orders/"+w.id.String(), "", nil, &o)
	switch {
	case err != nil:
		return err
	case o.Status != "completed" || o.Payment == nil || o.Payment.Captured == nil || o.Parcel == nil || o.Parcel.ShipmentID == "":
		return fmt.Errorf("order %s is shown without its payment or parcel: %+v", w.id, o)
	}
	return nil
}

// settledOrders places some orders and waits until they are shown with payment and parcel.
func settledOrders(ctx context.Context, s *stack.Stack) ([]*watchedOrder, error) {
	token, err := s.Keys.Token("alice", "customer", 12*time.Hour)
	if err != nil {
		return nil, err
	}
	client := load.NewClient(s.APIs("order"), token)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var all []*watchedOrder
	for range 20 {
		id, err := client.Place(ctx, "", load.Order{Lines: []load.Line{{SKU: "SKU-0001", Quantity: 1}}, PaymentMethod: "pm_ok", ShipTo: "addr-1"})
		if err != nil {
			return nil, err
		}
		all = append(all, &watchedOrder{client, id})
	}
	for _, w := range all {
		if err := until(ctx, func() error { return w.ask(ctx) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// until asks again and again until there is no error, or ctx ends.
func until(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// poll asks for the orders in turn.
type poll struct {
	n        int
	slowest  time.Duration
	failures []string
}

func (p *poll) run(ctx context.Context, orders []*watchedOrder) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begin := time.Now()
		err := orders[p.n%len(orders)].ask(context.WithoutCancel(ctx))
		p.n++
		p.slowest = max(p.slowest, time.Since(begin))
		if err != nil {
			p.failures = append(p.failures, err.Error())
		}
	}
}

// reads waits until a consumer, whose positions are in a table of its database, has read the topics to their ends.
func reads(ctx context.Context, s *stack.Stack, database, table string, topics []string) error {
	url, err := s.Database(database)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("read %s's positions: %w", database, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is pending
	end, err := logEnds(ctx, s, topics...)
	if err != nil {
		return err
	}
	return until(ctx, func() error {
		var read int64
		if err := conn.QueryRow(ctx, `SELECT coalesce(sum(next), 0) FROM `+table).Scan(&read); err != nil {
			return err
		}
		if read < end {
			return fmt.Errorf("%s has read %d of %d records", database, read, end)
		}
		return nil
	})
}

// logEnds is the sum of the ends of some topics, of all where none is named.
func logEnds(ctx context.Context, s *stack.Stack, topics ...string) (sum int64, err error) {
	if len(topics) == 0 {
		topics = contracts.Topics()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.Brokers, ",")...))
	if err != nil {
		return 0, fmt.Errorf("look at the topics: %w", err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("look at the topics: %w", err)
	}
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum, nil
}
