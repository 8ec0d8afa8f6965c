package messaging_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

var errTroubled = errors.New("the shelf is locked")

// Whatever comes when, and whoever redrives while it comes: each key's messages are handled in their order, each once, on
// whichever replica (scenario 31).
func TestOrderUnderConcurrentRedriving(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	var broken atomic.Bool
	var replicas []*running
	for _, name := range []string{"1", "2"} {
		r := w.start(func(c *messaging.Config) { c.Replica = name }, nil)
		r.handler.intercept(func(in []messaging.Message) error {
			for i := range in {
				if body, ok := in[i].Body.(add); ok && broken.Load() && strings.HasPrefix(body.Text, "t") {
					return errTroubled
				}
			}
			return nil
		})
		replicas = append(replicas, r)
	}
	var letters atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		keys := spread(rapid.IntRange(1, 3).Draw(rt, "keys"))
		sent := make(map[uuid.UUID][]string)
		var operators sync.WaitGroup
		redrive := func(r *running, key uuid.UUID) {
			id := value[int64](w, `SELECT coalesce(max(id), 0) FROM dead_letters WHERE subject = $1`, key)
			if id == 0 {
				return
			}
			letters.Add(1)
			if _, err := r.Redrive(t.Context(), id, olga); err != nil && !errors.Is(err, messaging.ErrNoLetter) {
				t.Error(err)
			}
		}
		send := func(key uuid.UUID, n int) {
			messages := make([]messaging.Message, n)
			for i := range messages {
				text := rapid.SampledFrom([]string{"m", "m", "t"}).Draw(rt, "kind") + fmt.Sprint(len(sent[key]))
				sent[key] = append(sent[key], text)
				messages[i] = messaging.Message{Subject: key, Body: add{Text: text}}
			}
			w.send(messages...)
		}
		// What was sent is read, so that there is something to redrive; what is sent next comes while that is going on.
		settle := func(key uuid.UUID) {
			w.eventually("what was sent is read", func() bool {
				return value[int](w, `
SELECT (SELECT count(*) FROM dead_letters WHERE subject = $1) + count(*)
FROM account, string_to_table(history, ' ') AS word WHERE subject = $1 AND word <> 'restarted'`, key) == len(sent[key])
			})
		}
		broken.Store(true)
		for range rapid.IntRange(3, 25).Draw(rt, "steps") {
			key := rapid.SampledFrom(keys).Draw(rt, "key")
			switch rapid.SampledFrom([]string{"send", "send", "redrive", "mend", "break"}).Draw(rt, "step") {
			case "send":
				send(key, rapid.IntRange(1, 6).Draw(rt, "messages"))
			case "redrive":
				r := rapid.SampledFrom(replicas).Draw(rt, "replica")
				settle(key)
				operators.Go(func() { redrive(r, key) })
			case "mend":
				broken.Store(false)
			case "break":
				broken.Store(true)
			}
		}
		broken.Store(false)
		operators.Wait()
		for i, key := range keys {
			send(key, 1)
			want := strings.Join(sent[key], " ")
			w.eventually("all of it, in order: "+want, func() bool {
				redrive(replicas[i%2], key)
				return withoutRestarts(w.history(key)) == want
			})
		}
	})
	if letters.Load() == 0 {
		t.Error("nothing was redriven")
	}
	if n := w.heads(); n != 0 {
		t.Errorf("%d keys wait at the end", n)
	}
}

func withoutRestarts(history string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(history), func(s string) bool { return s == "restarted" }), " ")
}
