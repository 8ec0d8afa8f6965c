package saga_test

import (
	"fmt"
	"reflect"
	"testing"

	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/sagatest"
)

// The two tests that steno takes a saga through: fail at every node, and the world is as before; everything twice, and
// nothing changes.

// befall is what happens to one step of a saga.
type befall string

const (
	isRefused  befall = "refused"
	isSilent   befall = "silent"           // it did nothing, and does not answer
	answerLost befall = "done, but silent" // it did its work; the answer is lost
)

func TestWorldAsBefore(t *testing.T) {
	t.Parallel()
	def := chain(3, true, 1)
	for k := range 4 {
		for _, what := range []befall{isRefused, isSilent, answerLost} {
			if def.Steps[k].Kind == saga.Pivot && what != isRefused {
				continue // never given up
			}
			t.Run(fmt.Sprintf("%s %s", def.Steps[k].Name, what), func(t *testing.T) {
				t.Parallel()
				w := until(t, def, k)
				switch what {
				case isRefused:
					w.handle(w.sides[k], refuses, false)
				case isSilent:
					w.sides[k].handled++
				case answerLost:
					w.handle(w.sides[k], grants, false)
					w.sides[k].taken++
				}
				for w.instance.State == saga.Running {
					must(t, w, w.take(w.sides[k]))
					w.now = w.instance.Outstanding.Due()
					must(t, w, w.input(saga.Input{Body: saga.Due{}}))
				}
				must(t, w, w.calm())
				must(t, w, w.settled())
				if w.instance.State != saga.Rejected || w.instance.Failed != def.Steps[k].Name {
					t.Errorf("it is %s because of %q\n%s", w.instance.State, w.instance.Failed, w.story())
				}
			})
		}
	}
}

// until brings a world to the moment at which step k was asked for.
func until(t *testing.T, def *saga.Definition[string], k int) *world {
	t.Helper()
	w, err := newWorld(def)
	if err != nil {
		t.Fatal(err)
	}
	for n := range k {
		w.handle(w.sides[n], grants, false)
		must(t, w, w.take(w.sides[n]))
	}
	return w
}

func must(t *testing.T, w *world, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\n%s", err, w.story())
	}
}

// Every input of these lives is fed twice at once, and all of them again at the end.
func TestEverythingTwice(t *testing.T) {
	t.Parallel()
	lives := map[string][]saga.Message{
		"completes":      {msg("Held"), msg("Paid"), msg("Shipped"), msg("Told")},
		"refused":        {msg("Held"), msg("Paid"), msg("ShipRefused"), msg("Refunded"), msg("HeldNoMore"), msg("RejectedSaid")},
		"cancelled":      {msg("Held"), msg("CancelAsked"), msg("PayRefused"), msg("HeldNoMore"), msg("CancelledSaid")},
		"owed":           {msg("Held"), msg("Paid"), msg("ShipRefused"), msg("RefundFailed"), msg("HeldNoMore"), saga.Waive{Step: "pay"}, msg("RejectedSaid")},
		"cancelled late": {msg("Held"), msg("Paid"), msg("CancelAsked"), msg("Shipped"), msg("CancelAsked"), msg("Told")},
	}
	for name, life := range lives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t)
			var inputs []saga.Input
			for n, body := range life {
				in := saga.Input{Sequence: int64(n + 1), Body: body}
				if o := s.Instance.Outstanding; o != nil {
					in.Causation = o.Command
				}
				inputs = append(inputs, in)
				once := s.Input(in).Instance
				unchanged(t, s.Again(), once)
			}
			if !s.Instance.State.Final() {
				t.Fatalf("it is %s, stuck %q", s.Instance.State, s.Instance.Stuck)
			}
			end := s.Instance
			for _, in := range inputs {
				unchanged(t, s.Input(in), end)
			}
		})
	}
}

func unchanged(t *testing.T, s *sagatest.Story[string], before saga.Instance[string]) {
	t.Helper()
	if len(s.Sent) > 0 || !reflect.DeepEqual(s.Instance, before) {
		t.Fatalf("the second time sent %v and made %+v of %+v", s.Sent, s.Instance, before)
	}
}
