package saga_test

import (
	"time"

	"ordersaga.internal/processmanager/saga"
)

// msg is a message that is nothing but its type.
type msg string

func (m msg) WireType() string { return string(m) }

// refusal is a message that says why.
type refusal struct{ name, why string }

func (r refusal) WireType() string { return r.name }
func (r refusal) Why() string      { return r.why }

// ended is the command that closes an unwound parcel.
type ended struct {
	name string
	saga.Failure
}

func (e ended) WireType() string { return e.name }

type placed struct{}

func (placed) WireType() string { return "Placed" }

const (
	resend  = 10 * time.Second
	timeout = time.Minute
)

func sends(name string) func(string) saga.Message {
	return func(string) saga.Message { return msg(name) }
}

func ends(name string) func(string, saga.Failure) saga.Message {
	return func(_ string, f saga.Failure) saga.Message { return ended{name, f} }
}

// parcel is a saga with every kind of step: hold and pay can be undone, ship is the pivot, tell is retriable.
func parcel() saga.Definition[string] {
	return saga.Definition[string]{
		Name: "parcel", Version: 1,
		Start:   saga.On(func(placed) string { return "data" }),
		Cancel:  msg("CancelAsked"),
		Ignored: []saga.Message{msg("Noise")},
		Steps: []saga.Step[string]{
			{
				Name: "hold", Kind: saga.Compensatable, Resend: resend, Timeout: timeout,
				Do: sends("Hold"), Done: msg("Held"), Refused: msg("HoldRefused"),
				Undo: sends("LetGo"), Undone: msg("HeldNoMore"), UndoFailed: msg("LetGoFailed"),
			},
			{
				Name: "pay", Kind: saga.Compensatable, Resend: resend, Timeout: timeout,
				Do: sends("Pay"), Done: msg("Paid"), Refused: msg("PayRefused"),
				Undo: sends("Refund"), Undone: msg("Refunded"), UndoFailed: msg("RefundFailed"),
			},
			{
				Name: "ship", Kind: saga.Pivot, Resend: resend,
				Do: sends("Ship"), Done: msg("Shipped"), Refused: msg("ShipRefused"),
			},
			{
				Name: "tell", Kind: saga.Retriable, Resend: resend,
				Do: sends("Tell"), Done: msg("Told"),
			},
		},
		Rejected:  saga.End[string]{Do: ends("Reject"), Done: msg("RejectedSaid")},
		Cancelled: saga.End[string]{Do: ends("Cancel"), Done: msg("CancelledSaid")},
	}
}
