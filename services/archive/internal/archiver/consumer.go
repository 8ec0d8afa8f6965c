package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ordersaga.internal/services/archive/internal/store"
)

const (
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = 500 * time.Millisecond // also how soon a restarted static member is back
	// idleCheck is how often a consumer looks whether the positions are still its own when no batch tells.
	idleCheck = 2 * time.Second
	// surveyInterval is how often a consumer looks whether the topics are as they should be.
	surveyInterval = 5 * time.Second
	// offsetCommit is how often the positions are copied to Kafka, where only lag tools read them.
	offsetCommit = time.Second
	// attemptTimeout bounds one transaction.
	attemptTimeout = 30 * time.Second
	listTimeout    = 5 * time.Second
	// fetchSize is for how many bytes a fetch waits, at most Config.Linger.
	fetchSize = 1 << 20
)

// held is a stream that this consumer owns.
type held struct {
	*store.Stream

	stopped string // why nothing is read, "" where it is
	told    int64  // what Kafka was told of Next
	end     int64  // of the log, as far as it is known
}

// consumer is one member of the group with its own client. All of it is one goroutine, except the callbacks of the group,
// which mu orders with it.
type consumer struct {
	a      *Archiver
	name   string // of the member, stable over restarts: static membership
	owner  string // of the positions, of this incarnation only
	log    *slog.Logger
	client *kgo.Client
	joined atomic.Bool
	wanted chan struct{} // a rebalance waits for this consumer

	mu        sync.Mutex
	held      map[store.Place]*held // what is assigned; nil until then
	days      map[time.Time]bool    // that are known to have a partition
	fatal     error                 // found in a callback
	checked   time.Time             // when ownership was last confirmed by the database
	surveyed  time.Time             // when the topics were last looked at
	committed time.Time             // when offsets were last committed to Kafka
}

func newConsumer(a *Archiver, index int) *consumer {
	name := a.cfg.Service + "-" + a.cfg.Replica + "-" + strconv.Itoa(index)
	return &consumer{
		a: a, name: name, owner: name + "/" + uuid.NewString()[:8], log: a.deps.Log.With("consumer", name), wanted: make(chan struct{}, 1),
	}
}

func (c *consumer) options() []kgo.Opt {
	topics := make([]string, len(c.a.cfg.Topics))
	for i, t := range c.a.cfg.Topics {
		topics[i] = c.a.cfg.TopicPrefix + t
	}
	return []kgo.Opt{
		kgo.ConsumerGroup(c.a.cfg.TopicPrefix + c.a.cfg.Service),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(kgo.RangeBalancer()),
		kgo.InstanceID(c.name),
		kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(heartbeatInterval),
		// Nothing moves between a poll and its COMMIT.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsCallbackBlocked(func(context.Context, *kgo.Client) { c.want() }),
		kgo.OnPartitionsAssigned(c.onAssigned),
		kgo.OnPartitionsRevoked(c.onRevoked),
		kgo.OnPartitionsLost(c.onRevoked),
		// Positions live in Postgres; the offsets in Kafka are for lag tools.
		kgo.AdjustFetchOffsetsFn(c.adjust),
		kgo.DisableAutoCommit(),
		// Out of range is never skipped: the partition stops and alerts.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// Markers of transactions are counted as read; what was aborted is no message.
		kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Small transactions cost more than anything, and nobody waits for the archive.
		kgo.FetchMinBytes(fetchSize),
		kgo.FetchMaxWait(c.a.cfg.Linger),
	}
}

// run works until ctx ends (nil) or something is wrong that only people can mend.
func (c *consumer) run(ctx context.Context) error {
	if err := c.join(); err != nil {
		return fmt.Errorf("consumer %s: %w", c.name, err)
	}
	defer c.leave()
	for ctx.Err() == nil {
		if err := c.turn(ctx); err != nil {
			return fmt.Errorf("consumer %s: %w", c.name, err)
		}
	}
	return nil
}

// join makes the client, which joins the group at once: mu keeps its callbacks waiting until the client is known.
func (c *consumer) join() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client, err = c.a.deps.Kafka(c.options()...)
	return err
}

// turn is one poll and all that follows from it.
func (c *consumer) turn(ctx context.Context) error {
	poll, cancel := context.WithTimeout(ctx, idleCheck)
	fetches := c.client.PollRecords(poll, c.a.cfg.BatchSize)
	cancel()
	defer c.client.AllowRebalance()
	c.mu.Lock()
	defer c.mu.Unlock()
	fetches.EachError(func(topic string, partition int32, err error) { c.fetchFailed(ctx, topic, partition, err) })
	if c.fatal != nil {
		return c.fatal
	}
	if err := c.archive(ctx, fetches); err != nil {
		c.abandon(ctx, err)
		return nil
	}
	c.check(ctx)
	c.survey(ctx)
	c.commitOffsets()
	return c.fatal
}

// fetchFailed sorts out an error that a poll brought.
func (c *consumer) fetchFailed(ctx context.Context, topic string, partition int32, err error) {
	at := store.Place{Topic: c.unprefixed(topic), Partition: partition}
	var lost *kgo.ErrDataLoss
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
	case errors.Is(err, kerr.FencedInstanceID):
		c.fatal = fmt.Errorf("another process runs as replica %q: %w", c.a.cfg.Replica, err)
	case errors.As(err, &lost), errors.Is(err, kerr.OffsetOutOfRange):
		c.stop(ctx, at, err.Error())
	case errors.Is(err, kerr.UnknownTopicID): // made again, or not every broker knows it yet
		c.surveyed = time.Time{}
	default:
		c.log.WarnContext(ctx, "fetch failed", "topic", at.Topic, "partition", partition, "error", err)
	}
}

// leave ends the membership. A static member does not leave by closing; this incarnation is over in any case, and its
// partitions should not wait for the session to time out. The client must be closed before, or it would join again.
func (c *consumer) leave() {
	c.joined.Store(false)
	member := kmsg.NewLeaveGroupRequestMember()
	member.InstanceID = &c.name
	member.MemberID, _ = c.client.GroupMetadata()
	c.client.CloseAllowingRebalance()
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = c.a.cfg.TopicPrefix + c.a.cfg.Service
	req.Members = append(req.Members, member)
	client, err := c.a.deps.Kafka()
	if err == nil {
		defer client.Close()
		_, err = req.RequestWith(ctx, client)
	}
	if err != nil {
		c.log.InfoContext(ctx, "could not leave the group; the session will time out", "error", err)
	}
}

func (c *consumer) want() {
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}

// commitOffsets copies the positions to Kafka, where only lag tools read them.
func (c *consumer) commitOffsets() {
	if len(c.held) == 0 || time.Since(c.committed) < offsetCommit {
		return
	}
	c.committed = time.Now()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for at, h := range c.held {
		if h.Next == h.told {
			continue
		}
		h.told = h.Next
		put(offsets, c.a.cfg.TopicPrefix+at.Topic, at.Partition, kgo.EpochOffset{Epoch: h.Epoch, Offset: h.Next})
	}
	if len(offsets) > 0 {
		c.client.CommitOffsets(context.Background(), offsets, nil)
	}
}

func put[V any](m map[string]map[int32]V, topic string, partition int32, v V) {
	if m[topic] == nil {
		m[topic] = make(map[int32]V)
	}
	m[topic][partition] = v
}

func (c *consumer) unprefixed(topic string) string {
	return strings.TrimPrefix(topic, c.a.cfg.TopicPrefix)
}

// errRebalance: the group waits for this consumer, which waits for the database.
var errRebalance = errors.New("a rebalance waits")

// wait waits out so many failures: 20 ms doubling to 5 s, the upper half of it random. It ends with ctx's error, or with
// errRebalance where wanted is not nil and says so.
func wait(ctx context.Context, failures int, wanted <-chan struct{}) error {
	d := min(20*time.Millisecond<<min(failures, 8), 5*time.Second)
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-wanted:
		return errRebalance
	case <-t.C:
		return nil
	}
}
