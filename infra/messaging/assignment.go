package messaging

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ordersaga.internal/infra/postgres"
)

// topicsError is a fault of the topics that only people can mend.
type topicsError struct{ text string }

func (e *topicsError) Error() string { return e.text }

func (w *worker[S]) onAssigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	select { // no rebalance waits any more
	case <-w.wanted:
	default:
	}
	if len(assigned) == 0 { // more workers than partitions; adjust will not be called
		w.joined.Store(true)
	}
}

func (w *worker[S]) onRevoked(context.Context, *kgo.Client, map[string][]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.positions {
		w.unpause(p)
	}
	w.hold(nil)
}

// hold makes these the positions of this worker.
func (w *worker[S]) hold(positions map[place]*position) {
	w.positions = positions
	w.deadlines = newDeadlines(positions)
}

// adjust is called when the group assigned partitions: it takes the positions and tells the client where to fetch from.
func (w *worker[S]) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	places := make([]place, 0, 3*w.m.cfg.Partitions)
	for topic, partitions := range offsets {
		for partition := range partitions {
			places = append(places, place{strings.TrimPrefix(topic, w.m.cfg.TopicPrefix), partition})
		}
	}
	for attempt := 0; ; attempt++ {
		from, err := w.assume(ctx, places)
		if err == nil {
			w.joined.Store(true)
			return from, nil
		}
		var bad *topicsError
		if errors.As(err, &bad) {
			return nil, err
		}
		w.log.WarnContext(ctx, "could not take positions", "error", err)
		if err := pause(ctx, attempt); err != nil { // mu is free meanwhile: a worker that stops need not wait
			return nil, err
		}
	}
}

// assume takes the places and returns from where the client shall fetch them.
func (w *worker[S]) assume(ctx context.Context, places []place) (map[string]map[int32]kgo.Offset, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	positions, err := w.take(ctx, places)
	if err != nil {
		var bad *topicsError
		if errors.As(err, &bad) {
			w.fatal = err
		}
		return nil, err
	}
	w.hold(positions)
	from := make(map[string]map[int32]kgo.Offset, len(w.m.cfg.Topics))
	for at, p := range positions {
		if p.paused != "" {
			continue // not fetched at all
		}
		topic := w.m.cfg.TopicPrefix + at.topic
		if from[topic] == nil {
			from[topic] = make(map[int32]kgo.Offset)
		}
		// With the epoch the client notices a log that was cut off behind what we read.
		from[topic][at.partition] = kgo.NewOffset().At(p.next).WithEpoch(p.epoch)
	}
	return from, nil
}

// take makes this worker the owner of the places and returns where to read on.
func (w *worker[S]) take(ctx context.Context, places []place) (map[place]*position, error) {
	ids, err := w.topicIDs(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, postgres.TakeTimeout)
	defer cancel()
	positions, err := takePositions(ctx, w.m.deps.Pool, w.m.cfg.Service, w.owner, places, ids)
	if err != nil {
		return nil, err
	}
	if err := readClosed(ctx, w.m.deps.Pool, w.m.cfg.Service, w.owner, positions); err != nil {
		return nil, err
	}
	if err := w.refreshHeads(ctx); err != nil {
		return nil, err
	}
	for at, p := range positions {
		if id := ids[at.topic]; id != p.topicID {
			p.paused = remade(id, p)
			w.alert(ctx, p)
		}
	}
	w.checked = time.Now()
	return positions, nil
}

// retake takes the positions again after they moved without this worker, and seeks. Only between poll and AllowRebalance.
func (w *worker[S]) retake(ctx context.Context) {
	places := make([]place, 0, len(w.positions))
	for at, p := range w.positions {
		places = append(places, at)
		w.unpause(p)
	}
	before := w.positions
	w.hold(nil) // should it fail, nothing is processed
	var positions map[place]*position
	for attempt := 0; positions == nil; attempt++ {
		var err error
		if positions, err = w.take(ctx, places); err == nil {
			break
		}
		w.log.WarnContext(ctx, "could not take positions", "error", err)
		if w.wait(ctx, attempt) != nil {
			w.client.ForceRebalance() // adjust goes on with it
			return
		}
	}
	seek := make(map[string]map[int32]kgo.EpochOffset)
	mended := false
	for at, p := range positions {
		topic := w.m.cfg.TopicPrefix + at.topic
		if seek[topic] == nil {
			seek[topic] = make(map[int32]kgo.EpochOffset)
		}
		seek[topic][at.partition] = kgo.EpochOffset{Epoch: p.epoch, Offset: p.next}
		mended = mended || p.paused == "" && before[at].paused != ""
	}
	w.hold(positions)
	if mended { // the client may have no cursor for it: assign anew
		w.hold(nil)
		w.client.ForceRebalance()
		return
	}
	w.client.SetOffsets(seek)
}

// check confirms once in a while that the positions are still this worker's: an operator may have rewound them.
func (w *worker[S]) check(ctx context.Context) {
	if len(w.positions) == 0 || time.Since(w.checked) < idleCheck {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	owned, err := countOwned(ctx, w.m.deps.Pool, w.m.cfg.Service, w.owner)
	if err == nil && owned < len(w.positions) {
		w.retake(ctx)
		return
	}
	if err != nil {
		w.log.WarnContext(ctx, "could not check the positions", "error", err)
	}
	w.checked = time.Now()
}

// survey looks once in a while whether the topics are still what they were: another partition count stops the worker, a
// topic that was made again its partitions. The client alone would notice late, or never.
func (w *worker[S]) survey(ctx context.Context) {
	if time.Since(w.surveyed) < surveyInterval {
		return
	}
	w.surveyed = time.Now()
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	ids, err := w.topicIDs(ctx)
	var bad *topicsError
	if errors.As(err, &bad) {
		w.fatal = err
	}
	for at, p := range w.positions {
		if id, ok := ids[at.topic]; ok && id != p.topicID {
			w.pause(ctx, at, remade(id, p))
		}
	}
}

func remade(id uuid.UUID, p *position) string {
	return fmt.Sprintf("the topic was deleted and made again: its id is %s, it was %s", id, p.topicID)
}

// pause stops one partition until people repaired it (see positions in the first migration): nothing is skipped.
func (w *worker[S]) pause(ctx context.Context, at place, why string) {
	p := w.positions[at]
	if p == nil || p.paused != "" {
		return
	}
	p.paused = why
	w.client.PauseFetchPartitions(map[string][]int32{w.m.cfg.TopicPrefix + at.topic: {at.partition}})
	w.alert(ctx, p)
}

// unpause lets a partition go: whoever takes it next looks again whether it may be read.
func (w *worker[S]) unpause(p *position) {
	if p.paused == "" {
		return
	}
	w.m.metrics.paused.Dec()
	w.client.ResumeFetchPartitions(map[string][]int32{w.m.cfg.TopicPrefix + p.topic: {p.partition}})
}

func (w *worker[S]) alert(ctx context.Context, p *position) {
	w.m.metrics.paused.Inc()
	w.log.ErrorContext(ctx, "partition stopped: nothing of it is read until its position is repaired",
		"topic", p.topic, "partition", p.partition, "next", p.next, "epoch", p.epoch, "reason", p.paused)
}

// topicIDs returns the id of each consumed topic, and refuses a wrong partition count.
func (w *worker[S]) topicIDs(ctx context.Context) (map[string]uuid.UUID, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, topic := range w.m.cfg.Topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(w.m.cfg.TopicPrefix + topic)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return nil, fmt.Errorf("topic metadata: %w", err)
	}
	ids := make(map[string]uuid.UUID, len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return nil, &topicsError{fmt.Sprintf("topic %q does not exist: create it with %d partitions", *t.Topic, w.m.cfg.Partitions)}
		case err != nil:
			return nil, fmt.Errorf("topic %q: %w", *t.Topic, err)
		case len(t.Partitions) != int(w.m.cfg.Partitions):
			return nil, &topicsError{fmt.Sprintf("topic %q has %d partitions and must have %d: with another count a key changes its partition, and its order is lost (infra/docs/decisions/partition-count.md)",
				*t.Topic, len(t.Partitions), w.m.cfg.Partitions)}
		}
		ids[strings.TrimPrefix(*t.Topic, w.m.cfg.TopicPrefix)] = t.TopicID
	}
	return ids, nil
}
