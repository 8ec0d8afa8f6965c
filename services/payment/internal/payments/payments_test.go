package payments_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

var (
	id    = uuid.MustParse("019a0000-0000-7000-8000-0000000000ff")
	now   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	eur   = contracts.Money{AmountMinor: 500, Currency: "EUR"}
	zero  = contracts.Money{Currency: "EUR"}
	do    = payments.Command{ID: uuid.MustParse("00000000-0000-5000-8000-000000000001"), Lease: lease}
	undo  = payments.Command{ID: uuid.MustParse("00000000-0000-5000-8000-000000000002"), Lease: lease}
	lease = payments.Lease{Replica: "1", Until: now.Add(time.Minute)}
)

func done(minor int64, reference string) payments.Result {
	return payments.Result{Outcome: payments.Done, AmountMinor: minor, Reference: reference}
}

func refused(code string) payments.Result {
	return payments.Result{Outcome: payments.Refused, Reason: contracts.ReasonDeclined, Code: code}
}

// authorized returns an order whose authorization was asked for and answered.
func authorized(t *testing.T, r payments.Result) payments.Order {
	t.Helper()
	var o payments.Order
	body, err := o.Authorize(contracts.AuthorizePayment{OrderID: id, Amount: eur, PaymentMethod: "pm", CustomerID: "c"}, do)
	if body != nil || err != nil || !o.Authorization.Open() {
		t.Fatalf("authorize: %v %v", body, err)
	}
	o.Answer(payments.Answered{Order: id, Kind: payments.Authorization, Key: do.ID.String(), Result: r})
	return o
}

// captured returns an order whose capture, too, was asked for and answered.
func captured(t *testing.T, r payments.Result) payments.Order {
	t.Helper()
	o := authorized(t, done(500, "a1"))
	if body, err := o.Take(contracts.CapturePayment{OrderID: id, Amount: eur}, do); body != nil || err != nil {
		t.Fatalf("capture: %v %v", body, err)
	}
	if c := o.Capture.DoCall(); c.Target != "a1" || c.Action != payments.ActionCapture {
		t.Fatalf("the call is %+v", c)
	}
	o.Answer(payments.Answered{Order: id, Kind: payments.Capture, Key: do.ID.String(), Result: r})
	return o
}

func TestReverse(t *testing.T) {
	t.Parallel()
	nothing := contracts.PaymentVoided{OrderID: id, Amount: zero}
	for name, c := range map[string]struct {
		order payments.Order
		kind  payments.Kind
		want  any // nil: the provider is asked
	}{
		"void of nothing":                {payments.Order{}, payments.Authorization, contracts.PaymentVoided{OrderID: id, Amount: contracts.Money{Currency: "XXX"}}},
		"void of a refusal":              {authorized(t, refused("x")), payments.Authorization, nothing},
		"void of a hold":                 {authorized(t, done(500, "a1")), payments.Authorization, nil},
		"void of what is not known":      {authorized(t, payments.Result{Outcome: payments.Nothing}), payments.Authorization, nil},
		"void after the capture":         {captured(t, done(500, "c1")), payments.Authorization, nothing},
		"void after half a capture":      {captured(t, done(200, "c1")), payments.Authorization, nil},
		"void after a refused capture":   {captured(t, refused("x")), payments.Authorization, nil},
		"refund of nothing":              {authorized(t, done(500, "a1")), payments.Capture, contracts.PaymentRefunded{OrderID: id, Amount: zero}},
		"refund of a capture":            {captured(t, done(500, "c1")), payments.Capture, nil},
		"refund of a refused capture":    {captured(t, refused("x")), payments.Capture, contracts.PaymentRefunded{OrderID: id, Amount: zero}},
		"refund of a capture not known":  {captured(t, payments.Result{Outcome: payments.Nothing}), payments.Capture, nil},
		"refund before an authorization": {payments.Order{}, payments.Capture, contracts.PaymentRefunded{OrderID: id, Amount: contracts.Money{Currency: "XXX"}}},
	} {
		o := c.order
		if got := o.Reverse(id, c.kind, undo); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if op := o.Of(c.kind); (c.want == nil) != op.Open() {
			t.Errorf("%s: left %s", name, op.State)
		}
	}
}

func TestFreeOrdersCallNobody(t *testing.T) {
	t.Parallel()
	var o payments.Order
	body, err := o.Authorize(contracts.AuthorizePayment{OrderID: id, Amount: zero}, do)
	if err != nil || body != (contracts.PaymentAuthorized{OrderID: id, Amount: zero}) {
		t.Fatalf("authorize: %+v %v", body, err)
	}
	body, err = o.Take(contracts.CapturePayment{OrderID: id, Amount: zero}, do)
	if err != nil || body != (contracts.PaymentCaptured{OrderID: id, Amount: zero}) {
		t.Fatalf("capture: %+v %v", body, err)
	}
	if body := o.Reverse(id, payments.Capture, undo); body != (contracts.PaymentRefunded{OrderID: id, Amount: zero}) {
		t.Errorf("refund: %+v", body)
	}
}

func TestNoAmountOfMoneyIsAnError(t *testing.T) {
	t.Parallel()
	for _, m := range []contracts.Money{{AmountMinor: -1, Currency: "EUR"}, {AmountMinor: 1}} {
		var o payments.Order
		if _, err := o.Authorize(contracts.AuthorizePayment{OrderID: id, Amount: m}, do); err == nil {
			t.Errorf("authorize %+v", m)
		}
		if _, err := o.Take(contracts.CapturePayment{OrderID: id, Amount: m}, do); err == nil {
			t.Errorf("capture %+v", m)
		}
	}
}

// Each answer counts once, and only the one to the outstanding call.
func TestOnlyTheOutstandingAnswerCounts(t *testing.T) {
	t.Parallel()
	o := authorized(t, done(500, "a1"))
	before := o
	answer := payments.Answered{Order: id, Kind: payments.Authorization, Key: do.ID.String(), Result: refused("late")}
	if body, _ := o.Answer(answer); body != nil || o != before {
		t.Errorf("a second answer: %+v", body)
	}
	o.Reverse(id, payments.Authorization, undo)
	before = o
	if body, _ := o.Answer(answer); body != nil || o != before {
		t.Errorf("the do's answer after the undo: %+v", body)
	}
	o.Wait(payments.Unanswered{Kind: payments.Authorization, Key: do.ID.String(), Called: true}, now)
	if o != before {
		t.Error("the do's lost answer moved the undo")
	}
	answer = payments.Answered{Order: id, Kind: payments.Authorization, Key: o.Authorization.Key(), Result: done(500, "v1")}
	body, isUndo := o.Answer(answer)
	if body != (contracts.PaymentVoided{OrderID: id, Amount: eur}) || !isUndo || o.Authorization.Open() {
		t.Errorf("the undo's answer: %+v", body)
	}
}

// An undo that failed for good is asked for under another key when it is tried again.
func TestFailedUndo(t *testing.T) {
	t.Parallel()
	o := captured(t, done(500, "c1"))
	o.Reverse(id, payments.Capture, undo)
	first := o.Capture.Key()
	body, isUndo := o.Answer(payments.Answered{Order: id, Kind: payments.Capture, Key: first, Result: refused("account_closed")})
	if body != (contracts.PaymentRefundFailed{OrderID: id, Detail: "account_closed"}) || !isUndo {
		t.Fatalf("failed: %+v", body)
	}
	if body := o.Reverse(id, payments.Capture, undo); body != nil || o.Capture.Key() == first {
		t.Errorf("again: %+v under %s", body, o.Capture.Key())
	}
	if c := o.Capture.UndoCall("c1"); c.Action != payments.ActionRefund || c.Target != "c1" || c.Key != o.Capture.Key() {
		t.Errorf("the call is %+v", c)
	}
}

// What an undo finds at the provider is recorded.
func TestFound(t *testing.T) {
	t.Parallel()
	o := authorized(t, payments.Result{Outcome: payments.Nothing})
	o.Reverse(id, payments.Authorization, undo)
	found := done(500, "a9")
	o.Answer(payments.Answered{Kind: payments.Authorization, Key: o.Authorization.Key(), Result: refused("x"), Found: &found})
	if op := o.Authorization; !op.Settled || op.DoneMinor != 500 || op.Reference != "a9" || op.State != payments.UndoFailed {
		t.Errorf("recorded %+v", op)
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	o := authorized(t, payments.Result{Outcome: payments.Nothing})
	lost := payments.Unanswered{Kind: payments.Authorization, Key: do.ID.String(), Called: true}
	last := time.Duration(0)
	for n := range 20 {
		o.Wait(lost, now)
		wait := o.Authorization.DueAt.Sub(now)
		if wait < 50*time.Millisecond || wait > 5*time.Second || wait < last || o.Authorization.LeasedBy != "" {
			t.Errorf("pause %d is %s", n, wait)
		}
		last = wait
	}
	attempts := o.Authorization.Attempts
	lost.Called = false
	if o.Wait(lost, now); o.Authorization.Attempts != attempts {
		t.Error("a call that was not made counts")
	}
}
