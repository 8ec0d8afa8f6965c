package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/services/archive/internal/store"
)

// topicsError is a fault of the topics that only people can mend.
type topicsError struct{ text string }

func (e *topicsError) Error() string { return e.text }

func (c *consumer) onAssigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	select { // no rebalance waits any more
	case <-c.wanted:
	default:
	}
	if len(assigned) == 0 { // more consumers than partitions; adjust will not be called
		c.joined.Store(true)
	}
}

func (c *consumer) onRevoked(context.Context, *kgo.Client, map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.let()
}

// let gives up what is held.
func (c *consumer) let() {
	for at, h := range c.held {
		c.start(h)
		c.a.metrics.let(at)
	}
	c.held = nil
}

// adjust is called when the group assigned partitions: it takes the positions and tells the client where to fetch from.
func (c *consumer) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var places []store.Place
	for topic, partitions := range offsets {
		for partition := range partitions {
			places = append(places, store.Place{Topic: c.unprefixed(topic), Partition: partition})
		}
	}
	for attempt := 0; ; attempt++ {
		from, err := c.assume(ctx, places)
		if err == nil {
			c.joined.Store(true)
			return from, nil
		}
		var bad *topicsError
		if errors.As(err, &bad) {
			return nil, err
		}
		c.log.WarnContext(ctx, "could not take positions", "error", err)
		if err := wait(ctx, attempt, nil); err != nil { // mu is free meanwhile: a consumer that stops need not wait
			return nil, err
		}
	}
}

// assume takes the places and returns from where the client shall fetch them.
func (c *consumer) assume(ctx context.Context, places []store.Place) (map[string]map[int32]kgo.Offset, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, err := c.take(ctx, places)
	if err != nil {
		var bad *topicsError
		if errors.As(err, &bad) {
			c.fatal = err
		}
		return nil, err
	}
	c.let()
	c.held = taken
	from := make(map[string]map[int32]kgo.Offset)
	for at, h := range taken {
		if h.stopped != "" {
			c.alert(ctx, h)
			continue // not fetched at all
		}
		// With the epoch the client notices a log that was cut off behind what we read.
		put(from, c.a.cfg.TopicPrefix+at.Topic, at.Partition, kgo.NewOffset().At(h.Next).WithEpoch(h.Epoch))
	}
	return from, nil
}

// take makes this consumer the owner of the places. A place that was never read begins where its log begins now.
func (c *consumer) take(ctx context.Context, places []store.Place) (map[store.Place]*held, error) {
	ctx, cancel := context.WithTimeout(ctx, postgres.TakeTimeout)
	defer cancel()
	ids, err := c.topicIDs(ctx)
	if err != nil {
		return nil, err
	}
	streams, err := store.Take(ctx, c.a.deps.Pool, c.owner, places, func(missing []store.Place) ([]*store.Stream, error) {
		return c.first(ctx, missing, ids)
	})
	if err != nil {
		return nil, err
	}
	out := make(map[store.Place]*held, len(streams))
	for at, s := range streams {
		h := &held{Stream: s, end: -1}
		if id := ids[at.Topic]; id != s.TopicID {
			h.stopped = remade(id, s)
		}
		out[at] = h
	}
	c.checked = time.Now()
	return out, nil
}

func (c *consumer) first(ctx context.Context, missing []store.Place, ids map[string]uuid.UUID) ([]*store.Stream, error) {
	starts, err := kadm.NewClient(c.client).ListStartOffsets(ctx, c.topics()...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("where the logs begin: %w", err)
	}
	out := make([]*store.Stream, 0, len(missing))
	for _, at := range missing {
		start, ok := starts.Lookup(c.a.cfg.TopicPrefix+at.Topic, at.Partition)
		if !ok {
			return nil, fmt.Errorf("where the log of %s/%d begins was not answered", at.Topic, at.Partition)
		}
		out = append(out, &store.Stream{Place: at, TopicID: ids[at.Topic], Begins: start.Offset, Owner: c.owner})
	}
	return out, nil
}

// retake takes the positions again after they moved without this consumer, and assigns anew. Only between poll and
// AllowRebalance.
func (c *consumer) retake() {
	c.let() // nothing is archived until adjust took them
	c.client.ForceRebalance()
}

// check confirms once in a while that the positions are still this consumer's: an operator may have changed them.
func (c *consumer) check(ctx context.Context) {
	if len(c.held) == 0 || time.Since(c.checked) < idleCheck {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	owned, err := store.CountOwned(ctx, c.a.deps.Pool, c.owner)
	switch {
	case err != nil:
		c.log.WarnContext(ctx, "could not check the positions", "error", err)
	case owned < len(c.held):
		c.retake()
	}
	c.checked = time.Now()
}

// survey looks once in a while whether the topics are still what they were: another partition count stops the consumer, a
// topic that was made again its partitions. The client alone would notice late, or never.
func (c *consumer) survey(ctx context.Context) {
	if time.Since(c.surveyed) < surveyInterval {
		return
	}
	c.surveyed = time.Now()
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	ids, err := c.topicIDs(ctx)
	var bad *topicsError
	if errors.As(err, &bad) {
		c.fatal = err
	}
	for at, h := range c.held {
		if id, ok := ids[at.Topic]; ok && id != h.TopicID {
			c.stop(ctx, at, remade(id, h.Stream))
		}
	}
}

func remade(id uuid.UUID, s *store.Stream) string {
	return fmt.Sprintf("the topic was deleted and made again: its id is %s, it was %s", id, s.TopicID)
}

// stop stops one partition until people decided how it goes on (archive resume): nothing is skipped.
func (c *consumer) stop(ctx context.Context, at store.Place, why string) {
	h := c.held[at]
	if h == nil || h.stopped != "" {
		return
	}
	h.stopped = why
	c.client.PauseFetchPartitions(map[string][]int32{c.a.cfg.TopicPrefix + at.Topic: {at.Partition}})
	c.alert(ctx, h)
}

func (c *consumer) alert(ctx context.Context, h *held) {
	c.a.metrics.stopped.WithLabelValues(h.Topic).Inc()
	c.log.ErrorContext(ctx, "partition stopped: nothing of it is archived until `archive resume` says how it goes on",
		"topic", h.Topic, "partition", h.Partition, "next", h.Next, "epoch", h.Epoch, "reason", h.stopped)
}

// start lets a partition go: whoever takes it next looks again whether it may be read.
func (c *consumer) start(h *held) {
	if h.stopped == "" {
		return
	}
	c.a.metrics.stopped.WithLabelValues(h.Topic).Dec()
	c.client.ResumeFetchPartitions(map[string][]int32{c.a.cfg.TopicPrefix + h.Topic: {h.Partition}})
}

func (c *consumer) topics() []string {
	out := make([]string, len(c.a.cfg.Topics))
	for i, t := range c.a.cfg.Topics {
		out[i] = c.a.cfg.TopicPrefix + t
	}
	return out
}

// topicIDs returns the id of each topic, and refuses a wrong partition count.
func (c *consumer) topicIDs(ctx context.Context) (map[string]uuid.UUID, error) {
	topics, err := kadm.NewClient(c.client).ListTopics(ctx, c.topics()...)
	if err != nil {
		return nil, fmt.Errorf("topic metadata: %w", err)
	}
	ids := make(map[string]uuid.UUID, len(topics))
	for _, t := range topics {
		switch {
		case errors.Is(t.Err, kerr.UnknownTopicOrPartition):
			return nil, &topicsError{fmt.Sprintf("topic %q does not exist: create it with %d partitions", t.Topic, c.a.cfg.Partitions)}
		case t.Err != nil:
			return nil, fmt.Errorf("topic %q: %w", t.Topic, t.Err)
		case len(t.Partitions) != int(c.a.cfg.Partitions):
			return nil, &topicsError{fmt.Sprintf("topic %q has %d partitions and must have %d", t.Topic, len(t.Partitions), c.a.cfg.Partitions)}
		}
		ids[c.unprefixed(t.Topic)] = uuid.UUID(t.ID)
	}
	return ids, nil
}
