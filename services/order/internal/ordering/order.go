package ordering

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// Status of an order. All but Placed are final.
type Status string

// The statuses.
const (
	Placed    Status = "placed"
	Completed Status = "completed"
	Rejected  Status = "rejected"
	Cancelled Status = "cancelled"
)

// Cancellation is what became of the customer's wish to cancel. An order that ended as Cancelled keeps what it had.
type Cancellation string

// The cancellations.
const (
	None      Cancellation = "none"
	Requested Cancellation = "requested"
	Declined  Cancellation = "declined" // too late: the order ended otherwise
)

// Order is an order: what was placed, which never changes, and its State.
type Order struct {
	ID            uuid.UUID // UUIDv7
	Customer      string
	Lines         []contracts.PricedLine
	Total         contracts.Money // with shipping
	PaymentMethod string
	ShipTo        string // id of an address
	PlacedAt      time.Time
	State
}

// Price returns what the total is made of. What the goods come to fits, because the total does.
func (o *Order) Price() contracts.Price {
	p := contracts.Price{
		Goods: contracts.Money{Currency: o.Total.Currency}, Shipping: contracts.Money{Currency: o.Total.Currency}, Total: o.Total,
	}
	for _, line := range o.Lines {
		p.Goods.AmountMinor += line.UnitPrice.AmountMinor * int64(line.Quantity)
	}
	p.Shipping.AmountMinor = o.Total.AmountMinor - p.Goods.AmountMinor
	return p
}

// State is what changes about an order.
type State struct {
	Status       Status
	Cancellation Cancellation
	Step         string           // that failed; rejected orders only
	Reason       contracts.Reason // why it failed; rejected orders only
	FinishedAt   time.Time        // zero until final
	Version      int64            // counts changes, from 1
}

// placed is the State of every order at first.
func placed() State { return State{Status: Placed, Cancellation: None, Version: 1} }

// Final tells whether nothing can happen to the order any more.
func (s *State) Final() bool { return s.Status != Placed }

// Newer tells whether s came after other.
func (s State) Newer(other State) bool { return s.Version > other.Version }

// RequestCancellation notes the customer's wish, once; asking again is no change. Errors: Final.
func (s *State) RequestCancellation() (changed bool, err error) {
	switch {
	case s.Final():
		return false, &Error{Code: Final, Detail: fmt.Sprintf("the order is %s and can no longer be cancelled", s)}
	case s.Cancellation != None:
		return false, nil
	}
	s.Cancellation = Requested
	s.Version++
	return true, nil
}

// Complete ends the order well. declined tells that a requested cancellation came too late.
func (s *State) Complete(now time.Time) (declined bool, err error) {
	return s.end(Completed, now)
}

// Reject ends the order after a step failed and everything was undone. declined: see Complete.
func (s *State) Reject(step string, reason contracts.Reason, now time.Time) (declined bool, err error) {
	if reason == "" {
		return false, fmt.Errorf("reject at %q: no reason", step)
	}
	if declined, err = s.end(Rejected, now); err == nil {
		s.Step, s.Reason = step, reason
	}
	return declined, err
}

// Cancel ends the order after everything was undone, as the customer or an operator asked.
func (s *State) Cancel(now time.Time) error {
	_, err := s.end(Cancelled, now)
	return err
}

func (s *State) end(as Status, now time.Time) (declined bool, err error) {
	if s.Final() {
		return false, fmt.Errorf("the order cannot become %s: it is %s", as, s)
	}
	if declined = s.Cancellation == Requested && as != Cancelled; declined {
		s.Cancellation = Declined
	}
	s.Status, s.FinishedAt = as, now
	s.Version++
	return declined, nil
}

// String tells the status and what led to it, for people.
func (s *State) String() string {
	if s.Status == Rejected {
		return fmt.Sprintf("%s (%s: %s)", s.Status, s.Step, s.Reason)
	}
	return string(s.Status)
}
