package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = 500 * time.Millisecond
	// idleCheck is how often a worker looks whether the positions are still its own when no batch tells.
	idleCheck = 2 * time.Second
	// surveyInterval is how often a worker looks whether the topics are as they should be.
	surveyInterval = 5 * time.Second
	// gatherPatience bounds how long a busy worker waits for what has come while it was busy.
	gatherPatience = 3 * time.Millisecond
	// offsetCommit is how often the positions are copied to Kafka, where only lag tools read them.
	offsetCommit = time.Second
)

// worker is one member of the group with its own client: it polls, and what it polled is committed before it polls again.
// All of it is one goroutine, except the callbacks of the group, which mu orders with it.
type worker[S any] struct {
	m      *Machine[S]
	name   string // of the member, stable over restarts: static membership
	owner  string // of the positions, of this incarnation only
	log    *slog.Logger
	client *kgo.Client
	joined atomic.Bool
	wanted chan struct{} // a rebalance waits for this worker
	pace   pace

	mu        sync.Mutex
	positions map[place]*position // what is assigned; nil until then
	headed    bool                // some key may wait behind a dead letter; see refreshHeads
	fatal     error               // found in a callback
	heeded    time.Time           // when it was looked at last whether some does
	checked   time.Time           // when ownership was last confirmed by the database
	surveyed  time.Time           // when the topics were last looked at
	committed time.Time           // when offsets were last committed to Kafka
	deadlines *deadlines
}

func newWorker[S any](m *Machine[S], index int) *worker[S] {
	name := m.cfg.Service + "-" + m.cfg.Replica + "-" + strconv.Itoa(index)
	return &worker[S]{
		m: m, name: name, owner: name + "/" + uuid.NewString()[:8], log: m.deps.Log.With("worker", name),
		wanted: make(chan struct{}, 1), pace: pace{longest: m.cfg.Linger},
	}
}

func (w *worker[S]) options() []kgo.Opt {
	topics := make([]string, len(w.m.cfg.Topics))
	for i, t := range w.m.cfg.Topics {
		topics[i] = w.m.cfg.TopicPrefix + t
	}
	return []kgo.Opt{
		kgo.ConsumerGroup(w.m.cfg.TopicPrefix + w.m.cfg.Service),
		kgo.ConsumeTopics(topics...),
		// Range, with the same subscription everywhere: partition number p of all topics has one owner.
		kgo.Balancers(kgo.RangeBalancer()),
		kgo.InstanceID(w.name),
		kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(heartbeatInterval), // also how soon a restarted static member is back
		// Nothing moves between a poll and its COMMIT.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsCallbackBlocked(func(context.Context, *kgo.Client) { w.want() }),
		kgo.OnPartitionsAssigned(w.onAssigned),
		kgo.OnPartitionsRevoked(w.onRevoked),
		kgo.OnPartitionsLost(w.onRevoked),
		// Positions live in Postgres; the offsets in Kafka are for lag tools.
		kgo.AdjustFetchOffsetsFn(w.adjust),
		kgo.DisableAutoCommit(),
		// Out of range is never skipped: the partition stops and alerts.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// Markers of transactions are counted as read, so that "read to the end" can be told.
		kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	}
}

// run works until ctx ends (nil) or something is wrong that only people can mend.
func (w *worker[S]) run(ctx context.Context) error {
	if err := w.join(); err != nil {
		return fmt.Errorf("worker %s: %w", w.name, err)
	}
	defer w.leave()
	for ctx.Err() == nil {
		if err := w.turn(ctx); err != nil {
			return fmt.Errorf("worker %s: %w", w.name, err)
		}
	}
	return nil
}

// join makes the client, which joins the group at once: mu keeps its callbacks waiting until the client is known.
func (w *worker[S]) join() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.client, err = w.m.deps.Kafka(w.options()...)
	return err
}

// turn is one poll and all that follows from it.
func (w *worker[S]) turn(ctx context.Context) error {
	fetches := w.poll(ctx)
	defer w.client.AllowRebalance()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fatal != nil {
		return w.fatal
	}
	fetches.EachError(func(topic string, partition int32, err error) { w.fetchFailed(ctx, topic, partition, err) })
	if w.fatal != nil {
		return w.fatal
	}
	items := w.read(fetches)
	w.pace.note(len(items), time.Now())
	if err := w.process(ctx, items); err != nil {
		w.abandon(ctx, err)
		return nil
	}
	w.tick(ctx)
	w.check(ctx)
	w.survey(ctx)
	w.heedLetters(ctx)
	w.commitOffsets()
	return w.fatal
}

// poll waits for messages. A busy worker gathers: the client holds at most one answer of a broker, given on the first
// message that came, so it takes that one and then what has come since.
func (w *worker[S]) poll(ctx context.Context) kgo.Fetches {
	patience := idleCheck
	if w.m.timed != nil {
		patience = w.m.cfg.TimerTick
	}
	busy := w.pace.wait(ctx)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	most := w.allowance(ctx)
	if most == 0 {
		return nil
	}
	fetches := w.client.PollRecords(ctx, most)
	if n := fetches.NumRecords(); busy && n > 0 && n < most {
		ctx, cancel := context.WithTimeout(ctx, gatherPatience)
		defer cancel()
		fetches = append(fetches, w.client.PollRecords(ctx, most-n)...)
	}
	w.spare(most - fetches.NumRecords())
	return fetches
}

// abandon gives up a batch without having lost anything: its messages are read again from the positions, by whoever owns
// them then.
func (w *worker[S]) abandon(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil: // shutting down
	case errors.Is(err, errRebalance):
		w.log.WarnContext(ctx, "gave up a batch to let the group rebalance", "error", err)
		w.hold(nil)
	default: // errLost
		w.log.WarnContext(ctx, "positions are no longer as this worker left them; taking them again", "error", err)
		w.retake(ctx)
	}
}

// fetchFailed sorts out an error that a poll brought.
func (w *worker[S]) fetchFailed(ctx context.Context, topic string, partition int32, err error) {
	at := place{strings.TrimPrefix(topic, w.m.cfg.TopicPrefix), partition}
	var lost *kgo.ErrDataLoss
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
	case errors.Is(err, kerr.FencedInstanceID):
		w.fatal = fmt.Errorf("another process runs as replica %q: %w", w.m.cfg.Replica, err)
	case errors.As(err, &lost), errors.Is(err, kerr.OffsetOutOfRange):
		w.pause(ctx, at, err.Error())
	case errors.Is(err, kerr.UnknownTopicID): // made again, or not every broker knows it yet
		w.surveyed = time.Time{}
	default:
		w.log.WarnContext(ctx, "fetch failed", "topic", at.topic, "partition", partition, "error", err)
	}
}

// leave ends the membership. A static member does not leave by closing, so that a restart is quick; this incarnation is
// over in any case, and its partitions should not wait for the session to time out. The client must be closed before, or
// it would join again at once.
func (w *worker[S]) leave() {
	w.joined.Store(false)
	member := kmsg.NewLeaveGroupRequestMember()
	member.InstanceID = &w.name
	member.MemberID, _ = w.client.GroupMetadata()
	w.client.CloseAllowingRebalance()
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = w.m.cfg.TopicPrefix + w.m.cfg.Service
	req.Members = append(req.Members, member)
	client, err := w.m.deps.Kafka()
	if err == nil {
		defer client.Close()
		_, err = req.RequestWith(ctx, client)
	}
	if err != nil {
		w.log.InfoContext(ctx, "could not leave the group; the session will time out", "error", err)
	}
}

func (w *worker[S]) want() {
	select {
	case w.wanted <- struct{}{}:
	default:
	}
}

// commitOffsets copies the positions to Kafka, where only lag tools read them.
func (w *worker[S]) commitOffsets() {
	if len(w.positions) == 0 || time.Since(w.committed) < offsetCommit {
		return
	}
	w.committed = time.Now()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for at, p := range w.positions {
		if p.next == p.told {
			continue
		}
		p.told = p.next
		topic := w.m.cfg.TopicPrefix + at.topic
		if offsets[topic] == nil {
			offsets[topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[topic][at.partition] = kgo.EpochOffset{Epoch: p.epoch, Offset: p.next}
	}
	if len(offsets) > 0 {
		w.client.CommitOffsets(context.Background(), offsets, nil)
	}
}
