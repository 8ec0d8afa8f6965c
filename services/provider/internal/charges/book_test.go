package charges_test

import (
	"errors"
	"testing"
	"time"

	"ordersaga.internal/services/provider/internal/charges"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// ask is what the store does: remembered, else decided and applied.
func ask(t *testing.T, b *charges.Book, r charges.Request, refuse string) charges.Entry {
	t.Helper()
	e, ok, err := b.Remembered(r)
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		return e
	}
	entries, err := b.Decide(r, charges.Refusal{Code: refuse}, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b.Apply(e)
	}
	return entries[len(entries)-1]
}

func authorize(key string, amount int64) charges.Request {
	return charges.Request{
		Operation: charges.Authorize, Key: key, Reference: "order", PaymentMethod: "pm_ok", AmountMinor: amount, Currency: "EUR",
	}
}

func capture(key, target string, amount int64) charges.Request {
	return charges.Request{Operation: charges.Capture, Key: key, Target: target, AmountMinor: amount, Currency: "EUR"}
}

func expect(t *testing.T, what string, e charges.Entry, outcome charges.Outcome, amount int64, code string) {
	t.Helper()
	if e.Outcome != outcome || e.AmountMinor != amount || e.Code != code {
		t.Errorf("%s: %+v, want %s %d %q", what, e, outcome, amount, code)
	}
}

func TestLifeOfACharge(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	hold := ask(t, b, authorize("a", 500), "")
	expect(t, "authorize", hold, charges.Succeeded, 500, "")
	expect(t, "capture too much", ask(t, b, capture("c0", hold.ID, 501), ""), charges.Refused, 501, charges.CodeAmountTooLarge)
	taken := ask(t, b, capture("c", hold.ID, 500), "")
	expect(t, "capture", taken, charges.Succeeded, 500, "")
	if again := ask(t, b, capture("c", hold.ID, 500), ""); again != taken {
		t.Errorf("repeated capture: %+v", again)
	}
	void := charges.Request{Operation: charges.Void, Key: "v", Target: hold.ID}
	expect(t, "void of nothing", ask(t, b, void, ""), charges.Succeeded, 0, "")
	refund := charges.Request{Operation: charges.Refund, Key: "r", Target: taken.ID}
	expect(t, "refund", ask(t, b, refund, ""), charges.Succeeded, 500, "")
	refund.Key = "r2"
	expect(t, "refund of nothing", ask(t, b, refund, ""), charges.Succeeded, 0, "")
	if n := len(b.Of("order")); n != 6 {
		t.Errorf("%d entries of the order", n)
	}
}

func TestRefusalIsRemembered(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	expect(t, "declined", ask(t, b, authorize("a", 5), charges.CodeDeclined), charges.Refused, 5, charges.CodeDeclined)
	expect(t, "again", ask(t, b, authorize("a", 5), ""), charges.Refused, 5, charges.CodeDeclined)
}

// A refusal that is not remembered says nothing about the next request with its key.
func TestRefusalIsForgotten(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	entries, err := b.Decide(authorize("a", 5), charges.Refusal{Code: charges.CodeDeclined, Forget: true}, at)
	if err != nil || len(entries) != 1 || !entries[0].Forgotten {
		t.Fatalf("decided %+v, %v", entries, err)
	}
	b.Apply(entries[0])
	expect(t, "again", ask(t, b, authorize("a", 5), ""), charges.Succeeded, 5, "")
	if n := len(b.Of("order")); n != 2 {
		t.Errorf("%d entries of the order", n)
	}
}

// Forgotten keys leave what happened where it was.
func TestKeysAreForgotten(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	hold := ask(t, b, authorize("a", 5), "")
	b.ForgetKeys()
	if e, ok := b.Get("a"); ok {
		t.Errorf("remembered: %+v", e)
	}
	if entries := b.Of("order"); len(entries) != 1 || entries[0] != hold {
		t.Errorf("entries: %+v", entries)
	}
	expect(t, "capture", ask(t, b, capture("c", hold.ID, 5), ""), charges.Succeeded, 5, "")
}

func TestRefusedUndoMovesNothing(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	hold := ask(t, b, authorize("a", 5), "")
	void := charges.Request{Operation: charges.Void, Key: "v-0", Target: hold.ID}
	expect(t, "refused", ask(t, b, void, "broken"), charges.Refused, 0, "broken")
	void.Key = "v-1"
	expect(t, "retried", ask(t, b, void, ""), charges.Succeeded, 5, "")
	expect(t, "capture of a void", ask(t, b, capture("c", hold.ID, 5), ""), charges.Refused, 5, charges.CodeExpired)
}

func TestExpiryEndsTheHold(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	hold := ask(t, b, authorize("a", 5), "")
	expect(t, "capture", ask(t, b, capture("c", hold.ID, 5), charges.CodeExpired), charges.Refused, 5, charges.CodeExpired)
	expect(t, "void", ask(t, b, charges.Request{Operation: charges.Void, Key: "v", Target: hold.ID}, ""), charges.Succeeded, 0, "")
	if entries := b.Of("order"); entries[1].Operation != charges.Expire || entries[1].AmountMinor != 5 {
		t.Errorf("entries: %+v", entries)
	}
}

func TestClosedKey(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	e, fresh := b.Close("a", at)
	if !fresh {
		t.Fatal("nothing was to be remembered")
	}
	b.Apply(e)
	expect(t, "late do", ask(t, b, authorize("a", 5), ""), charges.Closed, 0, "")
	hold := ask(t, b, authorize("b", 5), "")
	if e, fresh := b.Close("b", at); fresh || e != hold {
		t.Errorf("close of what was done: %+v %v", e, fresh)
	}
}

func TestKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	b := charges.NewBook()
	ask(t, b, authorize("a", 5), "")
	if _, _, err := b.Remembered(authorize("a", 6)); !errors.Is(err, charges.ErrKeyReused) {
		t.Errorf("error %v", err)
	}
	if _, err := b.Decide(capture("c", "nope", 5), charges.Refusal{}, at); !errors.Is(err, charges.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
