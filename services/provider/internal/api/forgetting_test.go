package api_test

import (
	"bytes"
	"testing"
)

// A provider that forgets: a refusal that says nothing about the next request, and keys that are gone while what was done
// under them is still found.
func TestForgetting(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.send(t.Context(), "POST", "/v1/faults", "", `{"operation":"authorize","fault":"refuse_forget","times":1}`)
	if status, e := d.entry("POST", "/v1/authorizations", "a", authorization("pm_ok")); status != 402 || !e.Forgotten {
		t.Errorf("refused: %d %+v", status, e)
	}
	if status, e := d.entry("GET", "/v1/operations/a", "", ""); status != 404 {
		t.Errorf("the refusal is remembered: %d %+v", status, e)
	}
	_, hold := d.entry("POST", "/v1/authorizations", "a", authorization("pm_ok"))
	if status, _ := d.send(t.Context(), "DELETE", "/v1/keys", "", ""); status != 204 {
		t.Errorf("forget: %d", status)
	}
	if status, e := d.entry("GET", "/v1/operations/a", "", ""); status != 404 {
		t.Errorf("the key is remembered: %d %+v", status, e)
	}
	_, data := d.send(t.Context(), "GET", "/v1/operations?reference=order", "", "")
	if !bytes.Contains(data, []byte(hold.ID)) {
		t.Errorf("not found by reference: %s", data)
	}
}

// It was done at once, whenever it is answered.
func TestSlowAfter(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.send(t.Context(), "POST", "/v1/faults", "", `{"operation":"authorize","fault":"slow_after","delay_ms":5000,"times":1}`)
	d.unanswered("/v1/authorizations", "a", authorization("pm_ok"))
	if status, e := d.entry("GET", "/v1/operations/a", "", ""); status != 200 || e.AmountMinor != 500 {
		t.Errorf("get: %d %+v", status, e)
	}
}
