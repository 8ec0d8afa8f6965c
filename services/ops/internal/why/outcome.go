package why

import (
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/screen"
)

// final tells whether a state is an end.
func final(state string) bool {
	return state == "completed" || state == "rejected" || state == "cancelled"
}

// outcome: everybody agrees on how the order ended, and nobody holds anything for one that ended without a parcel.
func (j *judge) outcome() {
	row, i := j.row(), j.Instance
	if i == nil || j.Trails[orders] == nil {
		return
	}
	state := string(i.State)
	switch {
	case row == nil:
		j.find("there is a saga of the order, but the order service has no such order")
		return
	case final(state) && row.Status != state:
		j.find("the saga is %s, but for the order service the order is %s", state, row.Status)
	case !final(state) && final(row.Status) && state != string(manager.Ending):
		j.find("for the order service the order is %s, but the saga is %s", row.Status, state)
	}
	if !final(state) {
		return
	}
	j.goods(state)
	if j.Trails[payment] == nil {
		return
	}
	for _, kind := range []string{authorization, capture} {
		o := j.operation(kind)
		switch {
		case o == nil && state == "completed" && row.TotalMinor > 0:
			j.find("the order is completed, but payment knows of no %s", kind)
		case o == nil || j.waived():
		case state == "completed" && o.State != "done":
			j.find("the order is completed, but for payment its %s is %s", kind, o.State)
		case state != "completed" && o.State != "undone" && o.State != "refused":
			j.find("the order is %s, but for payment its %s is %s", state, kind, o.State)
		}
	}
}

func (j *judge) goods(state string) {
	if j.Trails[warehouse] == nil {
		return
	}
	hold := j.hold()
	switch {
	case state == "completed" && (hold == nil || hold.State != "dispatched"):
		j.find("the order is completed, but the warehouse has dispatched nothing")
	case state != "completed" && hold != nil && hold.State != "released" && !j.waived():
		j.find("the order is %s, but for the warehouse its stock is %s", state, hold.State)
	}
}

// waived tells whether an operator gave up a compensation: then something may stay done.
func (j *judge) waived() bool {
	for _, s := range j.Instance.Steps {
		if s.Outcome == manager.Waived {
			return true
		}
	}
	return false
}

// sums is what the provider did, in minor units.
type sums struct{ authorized, captured, voided, refunded, expired int64 }

func (e *Evidence) sums() (s sums) {
	for _, c := range e.Ledger {
		if c.Outcome != "succeeded" {
			continue
		}
		switch c.Operation {
		case "authorize":
			s.authorized += c.AmountMinor
		case "capture":
			s.captured += c.AmountMinor
		case "void":
			s.voided += c.AmountMinor
		case "refund":
			s.refunded += c.AmountMinor
		case "expire":
			s.expired += c.AmountMinor
		}
	}
	return s
}

// money: what the provider did is what payment thinks, and what the order's outcome asks for.
func (j *judge) money() {
	if hold := j.hold(); hold != nil && hold.State == "dispatched" && j.Trails[payment] != nil {
		if row, o := j.row(), j.operation(capture); row != nil && row.TotalMinor > 0 && (o == nil || o.DoneMinor == 0) {
			j.find("the parcel is dispatched, but payment has captured nothing")
		}
	}
	if !j.HasLedger || j.Trails[payment] == nil {
		if !j.HasLedger {
			j.note("the provider's ledger was not read")
		}
		return
	}
	did := j.sums()
	j.agrees(authorization, did.authorized, did.voided)
	j.agrees(capture, did.captured, did.refunded)
	row := j.row()
	if row == nil || j.Instance == nil || !final(string(j.Instance.State)) || j.waived() {
		return
	}
	owes := int64(0)
	if row.Status == "completed" {
		owes = row.TotalMinor
	}
	if kept := did.captured - did.refunded; kept != owes {
		j.find("the order is %s, but the provider keeps %s of it, not %s", row.Status, screen.Money(kept, row.Currency), screen.Money(owes, row.Currency))
	}
	if held := did.authorized - did.captured - did.voided - did.expired; held != 0 {
		j.find("the order is %s, but the provider still holds %s", row.Status, screen.Money(held, row.Currency))
	}
}

var article = map[string]string{authorization: "an authorization", capture: "a capture"}

func (e *Evidence) currency() string {
	for _, c := range e.Ledger {
		if c.Currency != "" {
			return c.Currency
		}
	}
	return ""
}

// agrees holds an operation against what the provider did. What it undid by itself, or has not been told yet, is in no row.
func (j *judge) agrees(kind string, done, undone int64) {
	o := j.operation(kind)
	switch {
	case o == nil && done > 0:
		j.find("the provider has %s of %s, of which payment knows nothing", article[kind], screen.Money(done, j.currency()))
	case o != nil && o.Settled && o.DoneMinor != done:
		j.find("for payment the %s is of %s, at the provider of %s", kind, screen.Money(o.DoneMinor, o.Currency), screen.Money(done, o.Currency))
	case o != nil && o.State == "undone" && o.UndoneMinor > undone:
		j.find("payment has undone %s of the %s, the provider %s", screen.Money(o.UndoneMinor, o.Currency), kind, screen.Money(undone, o.Currency))
	}
}
