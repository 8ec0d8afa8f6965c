package saga_test

import (
	"testing"
	"time"

	"ordersaga.internal/processmanager/saga"
	"pgregory.net/rapid"
)

// Whatever is lost, repeated, late, refused, timed out, cancelled or asked by operators, in any order: an instance ends
// once, and then everything was done or all is as before.
func TestWalks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		compensatable, pivot := rapid.IntRange(0, 3).Draw(t, "compensatable"), rapid.Bool().Draw(t, "pivot")
		def := chain(compensatable+1, pivot, rapid.IntRange(0, 2).Draw(t, "retriable"))
		w, err := newWorld(def)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.SampledFrom([]int{5, 20, 50, 150}).Draw(t, "steps") {
			if err := w.step(t); err != nil {
				t.Fatalf("%v\n%s", err, w.story())
			}
		}
		if err := w.calm(); err != nil {
			t.Fatalf("%v\n%s", err, w.story())
		}
		if err := w.settled(); err != nil {
			t.Fatalf("%v\n%s", err, w.story())
		}
		for _, s := range w.sides { // every message again
			s.handled, s.taken = 0, 0
		}
		if err := w.calm(); err != nil {
			t.Fatalf("after a rewind: %v\n%s", err, w.story())
		}
		if err := w.settled(); err != nil {
			t.Fatalf("after a rewind: %v\n%s", err, w.story())
		}
	})
}

// step lets something happen.
func (w *world) step(t *rapid.T) error {
	s := rapid.SampledFrom(w.sides).Draw(t, "side")
	if o := w.instance.Outstanding; o != nil && rapid.IntRange(0, 3).Draw(t, "elsewhere") > 0 {
		for _, x := range w.sides {
			if x.step == o.Step {
				s = x
			}
		}
	}
	fates := rapid.SampledFrom([]fate{grants, grants, grants, ponders, refuses})
	switch rapid.SampledFrom([]string{
		"handle", "handle", "handle", "take", "take", "take", "decide", "rewind commands", "rewind events", "lose a command",
		"lose an event", "due", "wait", "cancel", "retry", "waive", "unwind", "redriven",
	}).Draw(t, "what") {
	case "handle":
		w.handle(s, fates.Draw(t, "fate"), rapid.IntRange(0, 2).Draw(t, "undo") == 0)
	case "decide":
		w.decide(s, fates.Draw(t, "fate"))
	case "take":
		return w.take(s)
	case "rewind commands":
		s.handled = rapid.IntRange(0, s.handled).Draw(t, "to")
	case "rewind events":
		s.taken = rapid.IntRange(0, s.taken).Draw(t, "to")
	case "lose a command":
		s.handled = min(s.handled+1, len(s.commands))
	case "lose an event":
		s.taken = min(s.taken+1, len(s.events))
	case "due":
		if o := w.instance.Outstanding; o != nil {
			w.now = o.Due()
		}
		return w.input(saga.Input{Body: saga.Due{}})
	case "wait":
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
		return w.input(saga.Input{Body: saga.Due{}})
	case "cancel":
		return w.input(saga.Input{Body: msg("cancel asked")})
	case "retry":
		return w.input(saga.Input{Body: saga.Retry{}})
	case "waive":
		return w.input(saga.Input{Body: saga.Waive{Step: s.step}})
	case "unwind":
		return w.input(saga.Input{Body: saga.Unwind{}})
	case "redriven":
		return w.input(saga.Input{Body: saga.Redriven{}})
	}
	return nil
}
