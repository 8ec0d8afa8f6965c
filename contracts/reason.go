package contracts

// Reason says why a step was refused. The list is closed.
type Reason string

// The reasons.
const (
	ReasonOutOfStock Reason = "out_of_stock" // fewer units available than requested
	ReasonDeclined   Reason = "declined"     // the provider said no to the payment method
	ReasonExpired    Reason = "expired"      // the authorisation can no longer be captured
	ReasonDamaged    Reason = "damaged"      // found damaged when picking
	ReasonTimedOut   Reason = "timed_out"    // no answer before the deadline; only in RejectOrder and OrderRejected
	ReasonSuperseded Reason = "superseded"   // its undo was accepted first, so it will never be done
)

// Reasons returns the closed list, in the order of this file.
func Reasons() []Reason {
	return []Reason{ReasonOutOfStock, ReasonDeclined, ReasonExpired, ReasonDamaged, ReasonTimedOut, ReasonSuperseded}
}
