// Package faults makes the sandbox misbehave, as payment providers do: by the payment method of a charge, or by a switch
// that a tester sets.
package faults

import (
	"slices"
	"sync"
	"time"
)

// Kind of fault.
type Kind string

// The kinds.
const (
	None          Kind = ""
	Refuse        Kind = "refuse"         // a permanent refusal, remembered
	RefuseForget  Kind = "refuse_forget"  // a refusal that is not remembered under the key
	TimeoutBefore Kind = "timeout_before" // nothing is done, no answer
	TimeoutAfter  Kind = "timeout_after"  // done, no answer
	Unavailable   Kind = "5xx"            // nothing is done, 503
	Late          Kind = "late"           // no answer; done after Delay, also when the caller has given up
	Slow          Kind = "slow"           // done and answered after Delay
	SlowAfter     Kind = "slow_after"     // done at once, answered after Delay
)

// Kinds returns every kind that a switch can have.
func Kinds() []Kind {
	return []Kind{Refuse, RefuseForget, TimeoutBefore, TimeoutAfter, Unavailable, Late, Slow, SlowAfter}
}

// Switch makes requests fail that match it.
type Switch struct {
	Operation string `json:"operation"`           // authorize, capture, void, refund, get, close, or * for all
	Reference string `json:"reference,omitempty"` // of the charge; empty: all
	Fault     Kind   `json:"fault"`
	Code      string `json:"code,omitempty"`     // of Refuse and RefuseForget
	Times     int    `json:"times,omitempty"`    // how often; 0: until cleared
	DelayMS   int64  `json:"delay_ms,omitempty"` // of Late, Slow and SlowAfter
}

// Fault is what befalls one request.
type Fault struct {
	Kind  Kind
	Code  string        // of Refuse and RefuseForget
	Delay time.Duration // of Late, Slow and SlowAfter
}

// Board holds the switches and the count of failures by key. It is safe for concurrent use.
type Board struct {
	mu       sync.Mutex
	switches []Switch
	flaps    map[string]int
}

// NewBoard returns a board with nothing switched on.
func NewBoard() *Board { return &Board{flaps: map[string]int{}} }

// Set adds a switch. The newest that matches wins.
func (b *Board) Set(s Switch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.switches = append(b.switches, s)
}

// Clear switches everything off.
func (b *Board) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.switches = nil
}

// List returns the switches that are on.
func (b *Board) List() []Switch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Switch{}, b.switches...)
}

// For returns the fault of a request: a switch's, else the payment method's.
func (b *Board) For(operation, key, reference, method string) Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.switches) - 1; i >= 0; i-- {
		s := &b.switches[i]
		if s.Operation != "*" && s.Operation != operation || s.Reference != "" && s.Reference != reference {
			continue
		}
		fault := Fault{Kind: s.Fault, Code: s.Code, Delay: time.Duration(s.DelayMS) * time.Millisecond}
		if s.Times == 1 {
			b.switches = slices.Delete(b.switches, i, i+1)
		} else if s.Times > 1 {
			s.Times--
		}
		return fault
	}
	return b.byMethod(operation, key, method)
}
