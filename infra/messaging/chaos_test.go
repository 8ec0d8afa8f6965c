package messaging_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

// What every reader is promised, with two replicas and a database that goes away again and again: first appearances in
// sequence order, and nothing lost.
func TestFirstAppearancesInSequence(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		const each = 25
		w := newWorld(t, b)
		proxy := newProxy(t, w.db.URL)
		for _, name := range []string{"1", "2"} {
			w.start(func(c *messaging.Config) { c.Replica, c.Workers, c.NoRelay = name, 2, false }, proxy.pool(t))
		}
		subjects := spread(40)
		for n := range each {
			messages := make([]messaging.Message, 0, 2*len(subjects))
			for _, s := range subjects {
				m := messaging.Message{ID: uuid.New(), Subject: s, Body: add{Text: strconv.Itoa(n)}}
				messages = append(messages, m, m)
			}
			w.send(messages...)
			switch n % 8 {
			case 3:
				proxy.cut(false)
			case 5:
				proxy.loseCommits(1)
			}
		}
		reader := b.Client(t, kgo.ConsumeTopics(b.Prefix+eventsTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		highest := map[string]int64{}
		for done := 0; done < len(subjects); {
			fetches := reader.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatalf("not everything arrived: %v", highest)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				key, n := string(r.Key), sequenceOf(t, r)
				switch {
				case n == highest[key]+1:
					highest[key] = n
					if n == each {
						done++
					}
				case n > highest[key]+1:
					t.Errorf("%s: first saw %d after %d", key, n, highest[key])
				}
			})
		}
		want := strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprint(seq(each))), " "))
		for _, s := range subjects {
			if got := w.history(s); got != strings.Trim(want, "[]") {
				t.Errorf("history %q", got)
			}
		}
	})
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func sequenceOf(t *testing.T, r *kgo.Record) int64 {
	t.Helper()
	for _, h := range r.Headers {
		if h.Key == "ce_sequence" {
			n, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no ce_sequence")
	return 0
}

// A worker that waits for its database holds nobody up: the group rebalances around it, and nothing is lost.
func TestRebalanceWhileTheDatabaseIsGone(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		proxy := newProxy(t, w.db.URL)
		one := w.start(nil, proxy.pool(t))
		subjects := spread(partitions)
		send := func(text string) {
			for _, s := range subjects {
				w.send(messaging.Message{Subject: s, Body: add{Text: text}})
			}
		}
		send("a")
		w.eventually("a is handled", func() bool { return one.count(t, "handled") == partitions })
		proxy.cut(true)
		send("b")
		w.eventually("the first replica tries again", func() bool { return one.log.has("trying again") })
		began := time.Now()
		two := w.start(func(c *messaging.Config) { c.Replica = "2" }, nil)
		w.eventually("the second replica handles its half", func() bool { return two.count(t, "handled") == partitions/2 })
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the rebalance took %v", took)
		}
		proxy.cut(false)
		for _, s := range subjects {
			w.eventually("b is handled", func() bool { return w.history(s) == "a b" })
		}
	})
}
