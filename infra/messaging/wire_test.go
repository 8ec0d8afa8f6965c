package messaging_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
)

// record is a message of ours on the wire, spelled by hand: the tests do not trust the code under test with it.
func (w *world) record(m messaging.Message) *kgo.Record {
	w.t.Helper()
	kind, topic, data, err := codec{}.Encode(m.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if m.ID == uuid.Nil {
		m.ID = uuid.New()
	}
	if m.Sequence == 0 {
		m.Sequence = 1
	}
	if m.Attempt == 0 {
		m.Attempt = 1
	}
	key := m.Subject.String()
	r := &kgo.Record{
		Topic: w.broker.Prefix + topic, Key: []byte(key), Value: data, Partition: kafka.Partition([]byte(key), partitions),
	}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", m.ID.String()}, {"ce_source", "/services/test"}, {"ce_type", kind},
		{"ce_subject", key}, {"ce_time", "2026-01-02T03:04:05.000006Z"}, {"ce_sequence", pad(m.Sequence)},
		{"ce_correlationid", key}, {"ce_attempt", strconv.Itoa(m.Attempt)}, {"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

func pad(n int64) string {
	s := strconv.FormatInt(n, 10)
	return strings.Repeat("0", 20-len(s)) + s
}

// send produces messages in this order.
func (w *world) send(messages ...messaging.Message) {
	w.t.Helper()
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = w.record(m)
	}
	w.produce(records...)
}

func (w *world) produce(records ...*kgo.Record) {
	w.t.Helper()
	if err := w.client.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// resetOffsets makes Kafka forget what the group has committed there.
func (w *world) resetOffsets() {
	w.t.Helper()
	adm := kadm.NewClient(w.client)
	w.eventually("offsets are reset", func() bool {
		offsets := make(kadm.Offsets)
		for p := range int32(partitions) {
			offsets.Add(kadm.Offset{Topic: w.broker.Prefix + commandsTopic, Partition: p, At: 0, LeaderEpoch: -1})
		}
		return adm.CommitAllOffsets(w.t.Context(), w.broker.Prefix+"account", offsets) == nil
	})
}

// spread returns n subjects that lie in every partition, in turn.
func spread(n int) []uuid.UUID {
	out := make([]uuid.UUID, 0, n)
	for len(out) < n {
		id := uuid.New()
		if kafka.Partition([]byte(id.String()), partitions) == int32(len(out)%partitions) {
			out = append(out, id)
		}
	}
	return out
}

// together returns n subjects of one partition.
func together(n int) []uuid.UUID {
	out := make([]uuid.UUID, 0, n)
	for len(out) < n {
		if id := uuid.New(); kafka.Partition([]byte(id.String()), partitions) == 1 {
			out = append(out, id)
		}
	}
	return out
}

// members returns the instances in the group.
func (w *world) members() (names []string) {
	w.t.Helper()
	groups, err := kadm.NewClient(w.client).DescribeGroups(w.t.Context(), w.broker.Prefix+"account")
	if err == nil {
		err = groups.Error()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range groups[w.broker.Prefix+"account"].Members {
		if m.InstanceID != nil {
			names = append(names, *m.InstanceID)
		}
	}
	return names
}

func (w *world) addPartition(topic string) {
	w.t.Helper()
	resp, err := kadm.NewClient(w.client).CreatePartitions(w.t.Context(), 1, w.broker.Prefix+topic)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) recreate(topic string) {
	w.t.Helper()
	adm := kadm.NewClient(w.client)
	if _, err := adm.DeleteTopic(w.t.Context(), w.broker.Prefix+topic); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the topic is made again", func() bool {
		return kafka.EnsureTopics(w.t.Context(), w.client, w.broker.Prefix, []string{topic}, partitions, 1, 1) == nil
	})
	w.client = w.broker.Client(w.t) // the old one still knows the old topic
}

func (w *world) topicID(topic string) uuid.UUID {
	w.t.Helper()
	topics, err := kadm.NewClient(w.client).ListTopics(w.t.Context(), w.broker.Prefix+topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return uuid.UUID(topics[w.broker.Prefix+topic].ID)
}

// allowLarge lets a topic take records of 16 MiB.
func (w *world) allowLarge(topic string) {
	w.t.Helper()
	size := "16777216"
	resp, err := kadm.NewClient(w.client).AlterTopicConfigs(w.t.Context(),
		[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &size}}, w.broker.Prefix+topic)
	if err == nil {
		_, err = resp.On(w.broker.Prefix+topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func contextFor(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), time.Second)
}
