package load

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind says what is meant to become of an order of the mixed workload.
type Kind string

// The kinds, and of a hundred orders how many.
const (
	Completes      Kind = "completes"       // 60
	Declined       Kind = "declined"        // 6
	SoldOut        Kind = "sold out"        // 6
	Damaged        Kind = "damaged"         // 5: found when picking, after the money was taken
	Cancelled      Kind = "cancelled"       // 10, at a random moment, which may be too late
	CaptureRefused Kind = "capture refused" // 3
	AnswerLost     Kind = "answer lost"     // 4: the provider does it and never says so
	Flapping       Kind = "flapping"        // 4: it fails twice, then works
	NeverDone      Kind = "never done"      // 1: the provider never does nor says anything
	Unavailable    Kind = "unavailable"     // 1: it only ever says 503
)

// Kinds returns all kinds in order.
func Kinds() []Kind {
	return []Kind{Completes, Declined, SoldOut, Damaged, Cancelled, CaptureRefused, AnswerLost, Flapping, NeverDone, Unavailable}
}

// Hopeless tells whether an order of this kind can only wait for its deadline.
func (k Kind) Hopeless() bool { return k == NeverDone || k == Unavailable }

// Ends returns the events that may end an order of this kind, whatever happens on the way: any order can be given up at
// a deadline, when a participant is away for too long.
func (k Kind) Ends() []string {
	switch k {
	case Completes, AnswerLost, Flapping:
		return []string{"OrderCompleted", "OrderRejected"}
	case Cancelled:
		return []string{"OrderCompleted", "OrderRejected", "OrderCancelled"}
	}
	return []string{"OrderRejected"}
}

// Mixed is an order of the mixed workload, and when after its acceptance it is cancelled.
type Mixed struct {
	Order

	Kind        Kind
	CancelAfter time.Duration
}

// Mix draws the next order. Where hopeless is false, those that can only wait for their deadline complete instead.
func Mix(r *rand.Rand, hopeless bool) Mixed {
	o, _ := Standard(r)
	o.PaymentMethod = "pm_ok"
	first := r.IntN(1000)
	for i := range o.Lines {
		o.Lines[i].SKU = fmt.Sprintf("SKU-%04d", (first+i*37)%1000+1)
	}
	m := Mixed{Order: o, Kind: kindOf(r.IntN(100))}
	if m.Kind.Hopeless() && !hopeless {
		m.Kind = Completes
	}
	switch last := len(m.Lines) - 1; m.Kind {
	case Completes:
	case Declined:
		m.PaymentMethod = "pm_declined"
	case SoldOut:
		m.Lines[last].SKU = "SOLD-OUT"
	case Damaged:
		m.Lines[last].SKU = "DAMAGED"
	case Cancelled:
		// From at once to long after it is over: most fall on the way.
		most := []time.Duration{time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond, 5 * time.Second}[r.IntN(4)]
		m.CancelAfter = time.Duration(r.Int64N(int64(most)))
	case CaptureRefused:
		m.PaymentMethod = "pm_capture_refused"
	case AnswerLost:
		m.PaymentMethod = "pm_timeout_after"
	case Flapping:
		m.PaymentMethod = "pm_flap"
	case NeverDone:
		m.PaymentMethod = "pm_timeout_before"
	case Unavailable:
		m.PaymentMethod = "pm_5xx"
	}
	return m
}

func kindOf(percent int) Kind {
	for _, share := range []struct {
		below int
		kind  Kind
	}{
		{60, Completes}, {66, Declined}, {72, SoldOut}, {77, Damaged}, {87, Cancelled},
		{90, CaptureRefused}, {94, AnswerLost}, {98, Flapping}, {99, NeverDone},
	} {
		if percent < share.below {
			return share.kind
		}
	}
	return Unavailable
}
