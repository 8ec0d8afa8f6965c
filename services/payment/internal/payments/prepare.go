package payments

import (
	"errors"

	"github.com/google/uuid"
)

// ErrNotWanted is returned for what was prepared after the operation was given up, or prepared by somebody else.
var ErrNotWanted = errors.New("what was prepared is not wanted any more")

// Prepared says that the provider has made an object for the do under Key, which moves no money until it is asked to with its
// Reference. That has to be committed first: then whoever undoes the operation knows what to close.
type Prepared struct {
	Order     uuid.UUID
	Kind      Kind
	Key       string
	Reference string
}

// Prepare keeps the reference. Errors: ErrNotWanted; then nobody may ask for the call.
func (o *Order) Prepare(p Prepared) error {
	op := o.Of(p.Kind)
	if op.State != Intended || op.Key() != p.Key || op.Reference != "" && op.Reference != p.Reference {
		return ErrNotWanted
	}
	op.Reference = p.Reference
	return nil
}
