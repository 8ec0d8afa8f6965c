package saga_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/sagatest"
)

// Mistakes of the caller are errors, and leave the instance as it was.
func TestErrors(t *testing.T) {
	t.Parallel()
	d := parcel()
	d.Steps[1].Do = func(string) saga.Message { return nil }
	mute := parcel()
	mute.Steps[0].Do = d.Steps[1].Do
	def, set := saga.Define(d), saga.NewSet(saga.Define(d))
	start := saga.Input{Subject: uuid.New(), Body: placed{}}
	i, out, _, err := saga.Start(def, start, sagatest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	other, foreign := i, i
	other.Version, foreign.Definition = 2, "letter"
	held := saga.Input{Causation: out[0].ID, Body: msg("Held")}
	for name, c := range map[string]struct {
		want error
		do   func() error
	}{
		"no body": {saga.ErrNoBody, func() error {
			_, _, _, err := saga.Apply(def, i, saga.Input{}, sagatest.Epoch)
			return err
		}},
		"another version": {saga.ErrWrongDefinition, func() error {
			_, _, _, err := saga.Apply(def, other, held, sagatest.Epoch)
			return err
		}},
		"another definition": {saga.ErrWrongDefinition, func() error {
			_, _, _, err := saga.Apply(def, foreign, held, sagatest.Epoch)
			return err
		}},
		"no command to start with": {saga.ErrNoCommand, func() error {
			_, _, _, err := saga.Start(saga.Define(mute), start, sagatest.Epoch)
			return err
		}},
		"no command": {saga.ErrNoCommand, func() error {
			same, out, _, err := saga.Apply(def, i, held, sagatest.Epoch)
			if len(out) > 0 || len(same.Steps) != 1 || same.Steps[0].Outcome != saga.Open {
				t.Errorf("it became %+v", same)
			}
			return err
		}},
		"not a start": {saga.ErrNotStarting, func() error {
			_, _, _, err := saga.Start(def, held, sagatest.Epoch)
			return err
		}},
		"start without a body": {saga.ErrNoBody, func() error {
			_, _, _, err := saga.Start(def, saga.Input{}, sagatest.Epoch)
			return err
		}},
		"of a set, not a start": {saga.ErrNotStarting, func() error {
			_, _, _, err := set.Start(held, sagatest.Epoch)
			return err
		}},
		"of a set, start without a body": {saga.ErrNoBody, func() error {
			_, _, _, err := set.Start(saga.Input{}, sagatest.Epoch)
			return err
		}},
		"of a set, other data": {saga.ErrWrongDefinition, func() error {
			x, _, _, err := set.Start(start, sagatest.Epoch)
			if err != nil {
				return err
			}
			x.Data = 7
			_, _, _, err = set.Apply(x, held, sagatest.Epoch)
			return err
		}},
		"of a set, data of an unknown version": {saga.ErrUnknownVersion, func() error {
			_, err := set.Decode("parcel", 2, []byte(`""`))
			return err
		}},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := set.Decode("parcel", 1, []byte("{")); err == nil {
		t.Error("decoded what is no JSON")
	}
	if !set.Starts("Placed") || set.Starts("Held") || !set.Binds("Held") || set.Binds("NeverHeardOf") {
		t.Error("the set does not know its events")
	}
}

// The history begins with what the start did.
func TestStartIsNoted(t *testing.T) {
	t.Parallel()
	want := saga.Note{Effect: saga.Applied, Text: "started; hold begun", To: saga.Running}
	if got := given(t).Note; got != want {
		t.Errorf("noted %+v, want %+v", got, want)
	}
}

// A set refuses what would make it ambiguous.
func TestNewSetPanics(t *testing.T) {
	t.Parallel()
	same, other := parcel(), parcel()
	other.Name = "letter"
	for name, d := range map[string]saga.Definition[string]{"twice": same, "two names, one start": other} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			saga.NewSet(saga.Define(parcel()), saga.Define(d))
		}()
	}
}

// Keys are equal for what differs only in time, sequence, id and data, and differ for all else.
func TestAppendKey(t *testing.T) {
	t.Parallel()
	key := func(s *sagatest.Story[string]) string { return string(s.Instance.AppendKey(nil)) }
	late := given(t)
	late.Now = late.Now.Add(resend)
	if a, b := key(given(t).Answer(msg("Held"))), key(late.Answer(msg("Held"))); a != b {
		t.Errorf("%s and %s differ only in time", a, b)
	}
	seen := map[string]string{}
	for name, s := range map[string]*sagatest.Story[string]{
		"begun":     given(t),
		"re-sent":   given(t).After(resend),
		"cancelled": given(t).When(msg("CancelAsked")),
		"stuck":     given(t).When(msg("NeverHeardOf")),
		"held":      given(t).Answer(msg("Held")),
		"refused":   given(t).Answer(msg("HoldRefused")),
		"why":       given(t).Answer(refusal{"HoldRefused", "sold out"}),
		"unknown":   given(t).After(timeout),
		"owed":      given(t).After(timeout).Answer(msg("LetGoFailed")),
		"over":      given(t).Answer(msg("HoldRefused")).Answer(msg("RejectedSaid")),
	} {
		if other, taken := seen[key(s)]; taken {
			t.Errorf("%s and %s have the same key %s", name, other, key(s))
		}
		seen[key(s)] = name
	}
}
