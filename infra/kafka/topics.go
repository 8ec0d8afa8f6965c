package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrTopics says that topics are missing or have another number of partitions than the programs agreed on.
var ErrTopics = errors.New("topics are not as they should be")

// EnsureTopics creates those of prefix+names that do not exist, with partitions, replication factor rf and
// min.insync.replicas minISR, and returns when the brokers show all of them. A topic that exists with another partition
// count is refused with ErrTopics, never changed: one key would move to another partition.
func EnsureTopics(
	ctx context.Context, cl *kgo.Client, prefix string, names []string, partitions int32, rf int16, minISR int,
) error {
	config := map[string]*string{
		"cleanup.policy":         kadm.StringPtr("delete"),
		"message.timestamp.type": kadm.StringPtr("LogAppendTime"), // CreateTime is the event's ce_time
		"min.insync.replicas":    kadm.StringPtr(strconv.Itoa(minISR)),
	}
	created, err := kadm.NewClient(cl).CreateTopics(ctx, partitions, rf, config, withPrefix(prefix, names)...)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w (%s)", topic.Topic, topic.Err, topic.ErrMessage)
		}
	}
	return awaitTopics(ctx, cl, prefix, names, partitions)
}

// awaitTopics waits up to 15 s for every topic and its leaders to be known.
func awaitTopics(ctx context.Context, cl *kgo.Client, prefix string, names []string, partitions int32) error {
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	for {
		err := CheckTopics(ctx, cl, prefix, names, partitions)
		if err == nil || !errors.Is(err, errNotYet) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// errNotYet is an ErrTopics that may pass: just created, or without a leader for now.
var errNotYet = fmt.Errorf("%w (yet)", ErrTopics)

// ErrNoLeader is an ErrTopics of partitions that no broker leads for now: some broker is away or starting.
var ErrNoLeader = fmt.Errorf("%w: without a leader", errNotYet)

// CheckTopics returns nil if every one of prefix+names exists with the given number of partitions, each with a leader;
// else an error that names each fault and says what to do. Without an answer from any broker within 5 s: that error.
func CheckTopics(ctx context.Context, cl *kgo.Client, prefix string, names []string, partitions int32) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(cl).ListTopics(ctx, withPrefix(prefix, names)...)
	if err != nil {
		return fmt.Errorf("ask the brokers for topics: %w", err)
	}
	var missing, leaderless, wrong []string
	for _, name := range withPrefix(prefix, names) {
		topic, ok := topics[name]
		switch {
		case !ok, errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
			missing = append(missing, name)
		case topic.Err != nil:
			leaderless = append(leaderless, fmt.Sprintf("%s (%s)", name, topic.Err))
		case len(topic.Partitions) != int(partitions):
			wrong = append(wrong, fmt.Sprintf("%s (%d)", name, len(topic.Partitions)))
		case hasLeaderless(topic):
			leaderless = append(leaderless, name)
		}
	}
	switch {
	case len(wrong) > 0:
		return fmt.Errorf("%w: %s must have %d partitions, because a key has one number everywhere; Kafka cannot take a partition away: "+
			"copy them under another topic prefix (scripts/stack copy-topics; infra/docs/decisions/partition-count.md)",
			ErrTopics, strings.Join(wrong, ", "), partitions)
	case len(missing) > 0:
		return fmt.Errorf("%w: missing: %s: create each with %d partitions", errNotYet, strings.Join(missing, ", "), partitions)
	case len(leaderless) > 0:
		return fmt.Errorf("%w: %s: wait for the brokers", ErrNoLeader, strings.Join(leaderless, ", "))
	}
	return nil
}

func hasLeaderless(topic kadm.TopicDetail) bool {
	for _, p := range topic.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return true
		}
	}
	return false
}

func withPrefix(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = prefix + name
	}
	return out
}
