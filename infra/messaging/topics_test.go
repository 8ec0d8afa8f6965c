package messaging_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

func TestWrongPartitionCountIsRefused(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		for name, c := range map[string]struct {
			configure func(*messaging.Config)
			want      string
		}{
			"another count": {func(c *messaging.Config) { c.Partitions = 5 }, "has 4 partitions and must have 5"},
			"no such topic": {func(c *messaging.Config) { c.Topics = []string{"nowhere.events"} }, "does not exist"},
		} {
			_, errs := w.launch(c.configure, nil)
			if err := w.outcome(errs); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestPartitionsAddedAtRuntimeAreRefused(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r, errs := w.launch(nil, nil)
		defer r.stop()
		w.eventually("ready", func() bool { return r.Ready(t.Context()) == nil })
		w.addPartition(commandsTopic)
		if err := w.outcome(errs); err == nil || !strings.Contains(err.Error(), "has 5 partitions and must have 4") {
			t.Errorf("stopped with %v", err)
		}
	})
}

func TestDeletedTopicStopsThePartition(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(4)
		r := w.start(nil, nil)
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: add{Text: "a"}})
		}
		w.eventually("handled", func() bool { return r.count(t, "handled") == 4 })
		r.stop()
		w.recreate(commandsTopic)
		for _, s := range subjects { // at the same offsets as before
			w.send(messaging.Message{Subject: s, Body: add{Text: "b"}}, messaging.Message{Subject: s, Body: add{Text: "c"}})
		}
		second := w.start(nil, nil)
		if !second.log.has("partition stopped") || !second.log.has("made again") {
			t.Errorf("no alert: %s", second.log)
		}
		if n := second.gauge(t, "messaging_partitions_paused"); n != 4 {
			t.Errorf("%v partitions paused, want 4", n)
		}
		// The operator repairs it: the new log from its start.
		w.exec(`UPDATE positions SET next = 0, epoch = -1, owner = '', topic_id = $1`, w.topicID(commandsTopic))
		for _, s := range subjects {
			w.eventually("read from the start of the new log", func() bool { return w.history(s) == "a b c" })
		}
		if n := second.gauge(t, "messaging_partitions_paused"); n != 0 {
			t.Errorf("%v partitions paused after the repair", n)
		}
	})
}

func TestPositionBeyondTheLogStopsThePartition(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(2)
		r := w.start(nil, nil)
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: add{Text: "a"}})
		}
		w.eventually("handled", func() bool { return r.count(t, "handled") == 2 })
		w.exec(`UPDATE positions SET next = 100, owner = '' WHERE partition = 1`)
		w.eventually("alert", func() bool { return r.gauge(t, "messaging_partitions_paused") == 1 })
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: add{Text: "b"}})
		}
		w.eventually("the neighbour goes on", func() bool { return w.history(subjects[0]) == "a b" })
		w.exec(`UPDATE positions SET next = 1, owner = '' WHERE partition = 1`)
		w.eventually("repaired", func() bool { return w.history(subjects[1]) == "a b" })
	})
}

// Scenario 43: what was not read yet is gone. The partition stops and alerts instead of going on behind the gap; the others go on.
func TestRecordsThatWereDeletedUnreadStopThePartition(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(2)
		r := w.start(nil, nil)
		say := func(text string) {
			for _, s := range subjects {
				w.send(messaging.Message{Subject: s, Body: add{Text: text}})
			}
		}
		say("a")
		w.eventually("handled", func() bool { return r.count(t, "handled") == 2 })
		r.stop()
		say("b")
		say("c")
		w.truncate(commandsTopic, 1, 2) // a and b of one of them
		second := w.start(nil, nil)
		w.eventually("alert", func() bool { return second.gauge(t, "messaging_partitions_paused") == 1 })
		w.eventually("the neighbour goes on", func() bool { return w.history(subjects[0]) == "a b c" })
		if !second.log.has("partition stopped") || w.history(subjects[1]) != "a" {
			t.Errorf("history %q; log %s", w.history(subjects[1]), second.log)
		}
		w.exec(`UPDATE positions SET next = 2, owner = '' WHERE partition = 1`) // an operator accepts the loss
		w.eventually("repaired", func() bool { return w.history(subjects[1]) == "a c" })
	})
}

// truncate deletes a partition's records before an offset, as retention does.
func (w *world) truncate(topic string, partition int32, before int64) {
	w.t.Helper()
	var at kadm.Offsets
	at.Add(kadm.Offset{Topic: w.broker.Prefix + topic, Partition: partition, At: before, LeaderEpoch: -1})
	deleted, err := kadm.NewClient(w.client).DeleteRecords(w.t.Context(), at)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
