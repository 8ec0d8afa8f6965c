package fulfilment

import (
	"slices"

	"ordersaga.internal/processmanager/saga"
)

// V2 no longer captures: the acquirer does, when it hears of the parcel.
var V2 = saga.Define(withoutCapture(*V1))

func withoutCapture(d saga.Definition[Order]) saga.Definition[Order] {
	d.Version = 2
	d.Steps = slices.DeleteFunc(slices.Clone(d.Steps), func(s saga.Step[Order]) bool { return s.Name == "capture payment" })
	return d
}
