package service

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/stripe"
	"ordersaga.internal/services/payment/internal/stripetest"
)

// newStripe makes a world whose provider is an imitation of Stripe.
func newStripe(t *testing.T) (*world, *stripetest.Imitation, *stripe.Client) {
	t.Helper()
	w, other := newWorld(t), stripetest.New(t)
	client, err := stripe.New(stripe.Config{Key: stripetest.Key, URL: other.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	return w, other, client
}

// moved checks what Stripe did for the order, and how often.
func moved(w *world, other *stripetest.Imitation, o *order, authorized, captured, voided, refunded int) {
	w.Helper()
	if a, c, v, r := other.Effects(o.id.String()); a != authorized || c != captured || v != voided || r != refunded {
		w.Errorf("Stripe authorised %d, captured %d, let go %d, gave back %d times; want %d %d %d %d",
			a, c, v, r, authorized, captured, voided, refunded)
	}
}

func (w *world) operation(o *order) (state, reference string) {
	w.Helper()
	err := w.db.Pool.QueryRow(w.Context(),
		`SELECT state, reference FROM operation WHERE order_id = $1 AND kind = 'authorization'`, o.id).Scan(&state, &reference)
	if err != nil {
		w.Fatal(err)
	}
	return state, reference
}

func TestStripe(t *testing.T) {
	t.Parallel()
	w, other, client := newStripe(t)
	w.run(client)
	o := newOrder(stripetest.MethodOK)
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.capture(o, 1)
	w.expect(o, authorized(o), captured(o))
	w.refund(o, 1)
	w.expect(o, authorized(o), captured(o), refunded(o, total))
	w.void(o, 1)
	w.expect(o, authorized(o), captured(o), refunded(o, total), voided(o, 0))
	moved(w, other, o, 1, 1, 0, 1)

	held := newOrder(stripetest.MethodOK)
	w.authorize(held, 1)
	w.expect(held, authorized(held))
	w.void(held, 1)
	w.expect(held, authorized(held), voided(held, total))
	moved(w, other, held, 1, 0, 1, 0)

	no := newOrder(stripetest.MethodDeclined)
	w.authorize(no, 1)
	w.expect(no, declined(no))
	unknown := newOrder("pm_of_nobody")
	w.authorize(unknown, 1)
	w.expect(unknown, declined(unknown))
	moved(w, other, no, 0, 0, 0, 0)
}

// The intent's id is committed before it is confirmed. Killed while it is, at either side of the effect, payment goes on with
// the same intent.
func TestStripeKilledWhileConfirming(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]stripetest.When{"before": stripetest.Before, "after": stripetest.After} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, other, client := newStripe(t)
			kill := w.crash("1", client)
			hang := make(chan struct{})
			confirm := other.Break(stripetest.Fault{Request: "POST confirm", When: when, Hang: hang})
			o := newOrder(stripetest.MethodOK)
			w.authorize(o, 1)
			<-confirm.Reached
			if state, reference := w.operation(o); state != "intended" || reference != "pi_1" {
				t.Errorf("confirmed while the operation was %s %q", state, reference)
			}
			kill()
			close(hang)
			w.crash("2", client)
			w.expect(o, authorized(o))
			moved(w, other, o, 1, 0, 0, 0)
			if creations := count(other, "POST /v1/payment_intents"); creations != 1 {
				t.Errorf("%d intents", creations)
			}
		})
	}
}

func count(other *stripetest.Imitation, request string) (n int) {
	for _, asked := range other.Asked() {
		if asked == request {
			n++
		}
	}
	return n
}

// Killed after the intent was created and before its id was committed: an intent that nobody will confirm is left behind.
func TestStripeKilledWhileCreating(t *testing.T) {
	t.Parallel()
	w, other, client := newStripe(t)
	kill := w.crash("1", client)
	hang := make(chan struct{})
	create := other.Break(stripetest.Fault{Request: "POST payment_intents", Hang: hang})
	o := newOrder(stripetest.MethodOK)
	w.authorize(o, 1)
	<-create.Reached
	kill()
	close(hang)
	w.crash("1", client)
	w.expect(o, authorized(o))
	moved(w, other, o, 1, 0, 0, 0)
}

// Undone while it is being created: nothing has to be asked of Stripe, and what comes of the creation is not confirmed.
func TestStripeVoidWhileCreating(t *testing.T) {
	t.Parallel()
	w, other, client := newStripe(t)
	s, _ := w.run(client)
	hang := make(chan struct{})
	create := other.Break(stripetest.Fault{Request: "POST payment_intents", Hang: hang})
	o := newOrder(stripetest.MethodOK)
	w.authorize(o, 1)
	<-create.Reached
	w.void(o, 1)
	w.expect(o, voided(o, 0))
	late := payments.Prepared{Order: o.id, Kind: payments.Authorization, Key: o.authorize.String(), Reference: "pi_1"}
	if err := s.machine.Submit(t.Context(), messaging.Message{Subject: o.id, Body: late}); !errors.Is(err, payments.ErrNotWanted) {
		t.Errorf("what was created late is taken: %v", err)
	}
	close(hang)
	w.quiet(o, voided(o, 0))
	moved(w, other, o, 0, 0, 0, 0)
	if slices.ContainsFunc(other.Asked(), func(r string) bool { return strings.HasSuffix(r, "/confirm") }) {
		t.Errorf("it was confirmed: %v", other.Asked())
	}
}

// Undone while it is being confirmed: cancelled, which lets go of what was held, or keeps a late confirmation from holding it.
func TestStripeVoidWhileConfirming(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		when   stripetest.When
		amount int64
		held   int
	}{"late": {stripetest.Late, 0, 0}, "done": {stripetest.After, total, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, other, client := newStripe(t)
			w.run(client)
			hang := make(chan struct{})
			confirm := other.Break(stripetest.Fault{Request: "POST confirm", When: c.when, Hang: hang})
			o := newOrder(stripetest.MethodOK)
			w.authorize(o, 1)
			<-confirm.Reached
			w.void(o, 1)
			w.expect(o, voided(o, c.amount))
			close(hang)
			testkit.Eventually(t, func() bool { return other.Idle() }, "the late confirmation")
			w.quiet(o, voided(o, c.amount))
			moved(w, other, o, c.held, 0, c.held, 0)
		})
	}
}

// The capture's answer is lost, and its undo comes: refunded if it was done, else closed by letting go of the hold.
func TestStripeUndoOfUnknownCapture(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		when         stripetest.When
		refund, void int64
		taken, let   int
	}{
		"done":     {when: stripetest.After, refund: total, void: 0, taken: 1, let: 0},
		"not done": {when: stripetest.Late, refund: 0, void: total, taken: 0, let: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, other, client := newStripe(t)
			w.run(client)
			o := newOrder(stripetest.MethodOK)
			w.authorize(o, 1)
			w.expect(o, authorized(o))
			hang := make(chan struct{})
			capture := other.Break(stripetest.Fault{Request: "POST capture", When: c.when, Hang: hang})
			w.capture(o, 1)
			<-capture.Reached
			w.refund(o, 1)
			w.expect(o, authorized(o), refunded(o, c.refund))
			close(hang)
			testkit.Eventually(t, func() bool { return other.Idle() }, "the late capture")
			w.void(o, 1)
			w.expect(o, authorized(o), refunded(o, c.refund), voided(o, c.void))
			moved(w, other, o, 1, c.taken, c.let, c.taken)
		})
	}
}
