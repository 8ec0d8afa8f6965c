package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"
)

const (
	relayRead  = 5_000                  // most new rows of one read
	relayAhead = 1_000                  // most records on their way for which the next read does not wait
	relayPoll  = 500 * time.Millisecond // how long a lost wake-up goes unnoticed
	relaySweep = 20 * time.Millisecond  // how long deletions wait for a read to travel with
	relayTurn  = 5 * time.Second        // bound of one round trip to the database
	relayDrain = 5 * time.Second        // bound of the farewell
)

// relay publishes the outbox: the surviving rows in the order of their ids, and deletes exactly those that Kafka
// acknowledged. One relay at a time does so for a database, by a lease; see lease.go.
//
// First appearances are in order because of three things. A row's id is drawn after its entity was locked, so for one
// subject the order of ids is the order of commits, and each read, which always starts at the oldest row, sees a prefix
// of what the subject has to say. At most one message of a subject is on its way. And after any error nothing more is
// sent until everything on its way is accounted for; then the reading starts again from the oldest row.
type relay struct {
	pool       *pgxpool.Pool
	kafka      func(opts ...kgo.Opt) (*kgo.Client, error)
	prefix     string
	partitions int32
	owner      string // this process, in the lease
	log        *slog.Logger
	tracer     trace.Tracer
	metrics    *relayMetrics

	client  *kgo.Client
	leads   atomic.Bool
	renewed time.Time     // when the lease was, by our clock
	woken   chan struct{} // something was committed
	vacant  chan struct{} // the lease was given back
	settled chan struct{} // the flight changed in a way that waits for a turn

	mu     sync.Mutex
	flight map[uuid.UUID]int64 // what is on its way: subject → row id
	held   bool                // a row was left behind because its subject has another on its way
	hungry bool                // a read waits until fewer are on their way
	acked  []int64             // row ids to delete
	failed error               // the first error since the last recovery
}

func newRelay(d Deps, c Config) (*relay, error) {
	metrics, err := newRelayMetrics(d.Metrics)
	if err != nil {
		return nil, err
	}
	return &relay{
		pool: d.Pool, kafka: d.Kafka, prefix: c.TopicPrefix, partitions: c.Partitions,
		owner: c.Service + "/" + c.Replica + "/" + uuid.NewString(),
		log:   d.Log, tracer: d.Tracer, metrics: metrics,
		woken: make(chan struct{}, 1), vacant: make(chan struct{}, 1), settled: make(chan struct{}, 1),
		flight: map[uuid.UUID]int64{},
	}, nil
}

// Wake says that the outbox has new rows. It never blocks.
func (r *relay) Wake() { signal(r.woken) }

// leading tells whether this process publishes, as far as it knows.
func (r *relay) leading() bool { return r.leads.Load() }

// Run publishes until ctx ends, then waits for what is on its way and gives the lease back. What it cannot do now it
// tries again: it returns an error only where no Kafka client can be made.
func (r *relay) Run(ctx context.Context) error {
	client, err := r.kafka(kgo.MaxBufferedRecords(2 * (relayRead + relayAhead)))
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	r.client = client
	defer client.Close()

	var listening sync.WaitGroup
	listening.Go(func() { r.listen(ctx) })
	defer listening.Wait()

	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		err := r.session(ctx)
		r.lead(false)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if time.Since(began) > leaseTTL {
			failures = 0
		}
		r.metrics.errors.Inc()
		r.log.WarnContext(ctx, "relay lost its database; trying again", "error", err)
		if pause(ctx, failures) != nil {
			break
		}
	}
	return nil
}

// session works on one connection until ctx ends or the connection fails: it waits for the lease, leads, and waits again
// when it lost it.
func (r *relay) session(ctx context.Context) error {
	conn, err := r.connect(ctx, "relay")
	if err != nil {
		return err
	}
	defer closeConn(conn)
	// A stop waits for the statement at hand, which is bounded: to cut it off would cost the connection, and with it the
	// lease and the deletions, so that the next relay would wait for the one and repeat the others.
	whole := context.WithoutCancel(ctx)
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
		case <-r.vacant:
		}
		leads, err := r.take(whole, conn)
		if err != nil {
			return err
		}
		if leads {
			r.lead(true)
			err := r.publish(ctx, conn)
			r.lead(false)
			if err != nil {
				return err
			}
		}
		retry.Reset(leaseRetry)
	}
}

func (r *relay) lead(leads bool) {
	if r.leads.Swap(leads) != leads && leads {
		r.log.Info("this replica relays now")
	}
	r.metrics.lead(leads)
}

var errLeaseLost = errors.New("another relay leads")

// publish turns and turns until the lease is lost, which is no error, or ctx ends.
func (r *relay) publish(ctx context.Context, conn *pgx.Conn) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	due, sampled, whole := time.Now(), time.Time{}, context.WithoutCancel(ctx)
	for failures := 0; ; {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return r.farewell(conn)
		case <-r.woken:
		case <-r.settled:
			if due = r.nextTurn(due); time.Until(due) > 0 {
				continue
			}
		case <-timer.C:
		}
		if err := r.drained(ctx); err != nil {
			failures++
			r.metrics.errors.Inc()
			r.log.WarnContext(ctx, "publishing failed; reading again from the oldest row", "error", err)
			if pause(ctx, failures) != nil {
				return r.farewell(conn)
			}
		} else {
			failures = 0
		}
		more, err := r.turn(whole, conn)
		if errors.Is(err, errLeaseLost) {
			r.log.WarnContext(ctx, "relay lost its lease")
			return nil
		}
		if err != nil {
			return err
		}
		if due = time.Now(); !more {
			due = due.Add(relayPoll)
		}
		due = r.nextTurn(due)
		if time.Since(sampled) > outboxSampling {
			sampled = time.Now()
			if err := r.sample(whole, conn); err != nil {
				return err
			}
		}
	}
}

// nextTurn returns when the next turn is due, if nothing wakes the relay: at once where rows wait for an acknowledgement
// that came, soon where deletions wait.
func (r *relay) nextTurn(due time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	var soon time.Time
	switch now := time.Now(); {
	case r.failed != nil, r.held && len(r.acked) > 0, r.hungry && len(r.flight) <= relayAhead:
		soon = now
	case len(r.acked) > 0 && len(r.flight) == 0:
		soon = now.Add(relaySweep)
	default:
		return due
	}
	if soon.Before(due) {
		return soon
	}
	return due
}

// drained returns nil while nothing failed; else it waits until nothing is on its way and returns what failed.
func (r *relay) drained(ctx context.Context) error {
	for {
		r.mu.Lock()
		err, flying := r.failed, len(r.flight)
		if flying == 0 {
			r.failed = nil
		}
		r.mu.Unlock()
		if err == nil || flying == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-r.settled:
		}
	}
}

// farewell waits for what is on its way, deletes what arrived and gives the lease back. Whatever of it fails is repeated
// by the next relay.
func (r *relay) farewell(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), relayDrain)
	defer cancel()
	if _, err := r.turn(ctx, conn); err != nil { // what was committed last
		return err
	}
	if err := r.client.Flush(ctx); err != nil {
		r.log.Warn("relay leaves with messages on their way; another one repeats them", "error", err)
	}
	if err := r.sweep(ctx, conn); err != nil {
		return err
	}
	return r.release(ctx, conn)
}
