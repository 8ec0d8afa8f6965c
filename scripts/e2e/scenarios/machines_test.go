package scenarios

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/faultnet"
)

// Scenarios 22 and 39: each service loses the answers to COMMITs again and again while orders are on their way. What was
// committed is sent and answered before the one who committed it knows.
func TestCommitsWhoseAnswerIsLost(t *testing.T) {
	defer w.holds(t)
	const each = 3
	links := map[*faultnet.Link]int{}
	for _, service := range []string{"order", "payment", "warehouse", "processmanager"} {
		l := w.Net.Postgres(w.Program(t, service).Name())
		links[l] = l.Seen().Lost + each
		l.LoseCommits(each)
	}
	lost := func() bool {
		for l, want := range links {
			if l.Seen().Lost < want {
				return false
			}
		}
		return true
	}
	var ids []uuid.UUID
	testkit.Eventually(t, func() bool {
		round := make([]uuid.UUID, 5)
		for i := range round {
			round[i] = w.insist(t)
		}
		for _, id := range round {
			w.Hears(t, id, "OrderCompleted", 1)
		}
		ids = append(ids, round...)
		return lost()
	}, "answers to COMMITs are lost, of every service")
	w.holds(t)
	for _, id := range ids {
		require.Equal(t, []string{"ReserveStock", "AuthorizePayment", "CapturePayment", "DispatchOrder", "CompleteOrder"}, w.commands(id))
		require.Equal(t, w.each(t, id, "authorize", "capture"), w.moved(t, id))
	}
}

// insist places an order with one key until it is taken.
func (w *world) insist(t *testing.T) (id uuid.UUID) {
	t.Helper()
	key := uuid.NewString()
	testkit.Eventually(t, func() (taken bool) {
		var err error
		id, err = w.Customer.Place(t.Context(), key, one("SKU-0160"))
		return err == nil
	}, "the order is taken")
	w.Placed = append(w.Placed, id)
	return id
}

// Scenario 37: a warehouse is stopped with a transaction in hand, for longer than its session lasts and its locks are kept,
// while another takes over. When it goes on it changes no row and moves no position: it may only join again.
func TestPausedPastItsSession(t *testing.T) {
	defer w.holds(t)
	paused := w.Program(t, "warehouse")
	other, err := w.Extra(paused.Service)
	require.NoError(t, err)
	link, mine := w.Net.Postgres(paused.Name()), paused.Name()+"-%"
	held := link.Seen().Held
	link.Silence() // what it asks of the database hangs
	ids := make([]uuid.UUID, 24)
	for i := range ids {
		ids[i] = w.insist(t)
		w.Hears(t, ids[i], "ReserveStock", 1)
	}
	testkit.Eventually(t, func() bool { return link.Seen().Held > held }, "it has a transaction in hand")
	thaw, err := paused.Process().Freeze()
	require.NoError(t, err)
	defer thaw() //nolint:errcheck // once more, where the first was not reached
	start(t, other)
	defer other.Process().Stop(syscall.SIGTERM, 15*time.Second)
	testkit.Eventually(t, func() bool {
		return w.Count(t, "warehouse", "SELECT count(*) FROM positions WHERE owner LIKE $1", mine) == 0
	}, "another takes over")
	w.allComplete(t, ids)
	w.holds(t)

	before, at := w.remembered(t), w.positions(t)
	link.Heal()
	require.NoError(t, thaw())
	testkit.Eventually(t, func() bool {
		return w.Count(t, "warehouse", "SELECT count(*) FROM positions WHERE owner LIKE $1", mine) > 0
	}, "it joined again")
	require.Equal(t, before, w.remembered(t))
	require.Equal(t, at, w.positions(t))
}

// positions is how far the warehouse has read.
func (w *world) positions(t *testing.T) (at string) {
	t.Helper()
	w.Row(t, "warehouse", `SELECT string_agg(concat_ws('/', topic, partition, next), ' ' ORDER BY topic, partition) FROM positions`, nil, []any{&at})
	return at
}

// Scenario 38: of every service one more replica joins, and leaves as soon as it is in, again and again: every three seconds
// or so. Nothing is lost or done twice, and nobody waits so long that an order is given up.
func TestRebalanceStorm(t *testing.T) {
	defer w.holds(t)
	var storm errgroup.Group
	var joined atomic.Int64
	for _, first := range w.Programs {
		if !first.Service.Replicated() {
			continue
		}
		extra, err := w.Extra(first.Service)
		require.NoError(t, err)
		storm.Go(func() error {
			for range 3 {
				if err := extra.Start(); err != nil {
					return err
				}
				err := extra.WaitReady(t.Context()) // it is only as a member of its group
				extra.Process().Stop(syscall.SIGTERM, 15*time.Second)
				if err != nil {
					return err
				}
				joined.Add(1)
			}
			return nil
		})
	}
	over := make(chan error, 1)
	go func() { over <- storm.Wait() }()
	var ids []uuid.UUID
	for raging := true; raging; {
		id := w.insist(t)
		ids = append(ids, id)
		select {
		case err := <-over:
			require.NoError(t, err)
			raging = false
		default:
			if n := len(ids) - 100; n > 0 { // so many are on their way
				w.Hears(t, ids[n], "OrderCompleted", 1)
			}
		}
	}
	require.Equal(t, int64(12), joined.Load())
	w.allComplete(t, ids)
	t.Logf("=> %d orders in %d joins", len(ids), joined.Load())
}

// minutesPass moves all that the process manager measures time with five minutes into the past, as if so much had passed
// while it could not work.
func (w *world) minutesPass(t *testing.T) {
	t.Helper()
	w.SQL(t, "processmanager", "UPDATE positions SET seen_at = seen_at - interval '5 min'")
	w.SQL(t, "processmanager", "UPDATE instance SET resend_at = resend_at - interval '5 min', deadline = deadline - interval '5 min' WHERE finished_at IS NULL")
}

// Scenario 47: the process manager is away for five minutes, which is five times the deadline. The answers are in the log
// when it comes back, and nothing is unwound. The minutes are moved, not waited for.
func TestProcessManagerDownForMinutes(t *testing.T) {
	defer w.holds(t)
	manager := w.Program(t, "processmanager")
	ids := make([]uuid.UUID, 30) // more than those few that are never a deadline storm
	w.Faults(t, "authorize", "slow", len(ids), 800*time.Millisecond)
	for i := range ids {
		ids[i] = w.Place(t, "pm_ok", "SKU-0161")
	}
	for _, id := range ids {
		w.Hears(t, id, "AuthorizePayment", 1)
	}
	kill(t, manager)
	for _, id := range ids {
		w.Hears(t, id, "PaymentAuthorized", 1)
	}
	w.minutesPass(t)
	start(t, manager)
	w.allComplete(t, ids)
	require.Zero(t, w.Count(t, "processmanager", "SELECT count(*) FROM deadline_storm"), "it was a deadline storm that held them")
}

// allComplete waits until orders completed, of which none was given up on the way.
func (w *world) allComplete(t *testing.T, ids []uuid.UUID) {
	t.Helper()
	for _, id := range ids {
		w.Hears(t, id, "OrderCompleted", 1)
		require.Equal(t, []string{"ReserveStock", "AuthorizePayment", "CapturePayment", "DispatchOrder", "CompleteOrder"}, w.commands(id))
	}
}

// Scenarios 40 and 47: the broker is killed with orders in flight and stays away for minutes, which are moved, not waited
// for. Orders are taken up to a bound, then refused with 503 and Retry-After, while reading and cancelling go on. When it
// is back all that was taken completes, and nothing was unwound.
func TestBrokerDownForMinutes(t *testing.T) {
	defer w.holds(t)
	w.Faults(t, "authorize", "slow", 10, 500*time.Millisecond)
	flying := make([]uuid.UUID, 10)
	for i := range flying {
		flying[i] = w.Place(t, "pm_ok", "SKU-0162")
	}
	for _, id := range flying {
		w.Hears(t, id, "AuthorizePayment", 1)
	}
	broker := w.Kafka[0]
	require.NoError(t, broker.Process().Kill())
	<-broker.Process().Done()
	taken, refused := w.fill(t)
	require.GreaterOrEqual(t, len(taken), outboxLimit/2)
	more, again := w.fill(t)
	require.Empty(t, more, "the bound is no bound")
	refused = append(refused, again...)
	w.refused = append(w.refused, refused...)
	for _, id := range taken[:3] {
		_, err := w.Customer.Do(t.Context(), http.MethodGet, "/v1/orders/"+id.String(), "", nil, nil)
		require.NoError(t, err)
	}
	cancelled := taken[0]
	require.NoError(t, w.Customer.Cancel(t.Context(), cancelled))
	w.minutesPass(t)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, broker.Start(ctx))
	w.allComplete(t, flying)
	w.allComplete(t, taken[1:])
	w.Hears(t, cancelled, "OrderCancelled", 1)
	w.Hears(t, w.insist(t), "OrderCompleted", 1)
}

// fill places orders, twenty at a time, until they are refused, and returns which were taken and whose keys were refused.
func (w *world) fill(t *testing.T) (taken []uuid.UUID, refused []string) {
	t.Helper()
	var mu sync.Mutex
	var wrong []error
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 1000 {
				key := uuid.NewString()
				o := one("SKU-0163")
				var placed struct {
					ID uuid.UUID `json:"order_id"`
				}
				header, err := w.Customer.Do(t.Context(), http.MethodPost, "/v1/orders", key, o, &placed)
				mu.Lock()
				switch {
				case err == nil:
					taken = append(taken, placed.ID)
				case status(err) == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
					refused = append(refused, key)
				default:
					wrong = append(wrong, fmt.Errorf("neither taken nor refused with Retry-After: %w", err))
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	require.Empty(t, wrong)
	require.NotEmpty(t, refused, "there is no bound")
	w.Placed = append(w.Placed, taken...)
	return taken, refused
}
