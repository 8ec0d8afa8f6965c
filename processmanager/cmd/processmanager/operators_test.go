package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/saga"
)

// Scenario 20 on the program: a void that failed for good is owed, the metric calls for an operator, who retries it, then
// waives it; each wish is in the history with its reason, and the metric goes back.
func TestOperatorsRepairWhatIsOwed(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.on(contracts.CapturePayment{}, func(o uuid.UUID, _ string) contracts.Message {
		return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
	})
	p.on(contracts.VoidPayment{}, func(o uuid.UUID, attempt string) contracts.Message {
		return contracts.PaymentVoidFailed{OrderID: o, Detail: "gone, attempt " + attempt}
	})
	order := p.place("alice")
	path := "/instances/" + order.String()
	owed := func(attempt string) func(instance) bool {
		return func(i instance) bool {
			return i.Outstanding == nil && i.Stuck == "compensation owed: authorize payment (gone, attempt "+attempt+")"
		}
	}
	if i := p.becomes(order, "owed", owed("1")); i.State != "unwinding" || i.Steps[0].Outcome != "undone" {
		t.Errorf("the other compensation did not go on, or the end did not wait: %+v", i)
	}
	testkit.Eventually(t, func() bool { return p.shows(`saga_instances{state="stuck"} 1`) }, "the metric")
	if status, why := p.ask(path+"/unwind", `{"reason":"impatience"}`); status != http.StatusConflict || why != "it is being unwound already" {
		t.Errorf("unwind: %d %s", status, why)
	}
	if status, _ := p.ask(path+"/retry", `{"reason":"the provider is back"}`); status != http.StatusOK {
		t.Errorf("retry: %d", status)
	}
	p.becomes(order, "owed again", owed("2"))
	if status, why := p.ask(path+"/waive", `{"reason":"x","step":"reserve stock"}`); status != http.StatusConflict || why != "its compensation is not owed" {
		t.Errorf("waive what is not owed: %d %s", status, why)
	}
	if status, _ := p.ask(path+"/waive", `{"reason":"it expires on Friday","step":"authorize payment"}`); status != http.StatusOK {
		t.Errorf("waive: %d", status)
	}
	i := p.becomes(order, "rejected", func(i instance) bool { return i.State == "rejected" && i.Stuck == "" })
	var wishes []string
	for _, e := range i.History {
		if e.Operator != "" {
			wishes = append(wishes, e.Input+" "+e.Effect+" "+e.Operator+" "+e.Reason)
		}
	}
	want := "saga.Unwind denied olga impatience, saga.Retry applied olga the provider is back, " +
		"saga.Waive denied olga x, saga.Waive applied olga it expires on Friday"
	if got := strings.Join(wishes, ", "); got != want {
		t.Errorf("history has\n%s, want\n%s", got, want)
	}
	if i.Steps[1].Outcome != "waived" {
		t.Errorf("steps %+v", i.Steps)
	}
	testkit.Eventually(t, func() bool { return p.shows(`saga_instances{state="stuck"} 0`) }, "the metric goes back")
	p.notices(order, "SagaStuck compensation owed: authorize payment (gone, attempt 1)", "SagaStuck compensation owed: authorize payment (gone, attempt 2)", "SagaFreed ")
}

// An order whose authorisation hangs is unwound by an operator; one beyond the pivot is not.
func TestOperatorsForceUnwinding(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.on(contracts.AuthorizePayment{}, nil)
	p.on(contracts.DispatchOrder{}, nil)
	hanging := p.place("alice")
	p.becomes(hanging, "the authorisation hangs", func(i instance) bool { return i.Outstanding != nil && i.Outstanding.Step == "authorize payment" })
	if status, _ := p.ask("/instances/"+hanging.String()+"/unwind", `{"reason":"the customer called"}`); status != http.StatusOK {
		t.Errorf("unwind: %d", status)
	}
	i := p.becomes(hanging, "rejected", func(i instance) bool { return i.State == "rejected" })
	if i.Steps[0].Outcome != "undone" || i.Steps[1].Outcome != "undone" {
		t.Errorf("steps %+v", i.Steps)
	}
	if status, why := p.ask("/instances/"+hanging.String()+"/unwind", `{"reason":"once more"}`); status != http.StatusConflict || why != "it is over" {
		t.Errorf("unwind what is over: %d %s", status, why)
	}

	p.on(contracts.AuthorizePayment{}, func(o uuid.UUID, _ string) contracts.Message { return contracts.PaymentAuthorized{OrderID: o} })
	leaving := p.place("bob")
	p.becomes(leaving, "the dispatch hangs", func(i instance) bool { return i.Outstanding != nil && i.Outstanding.Step == "dispatch" })
	if status, why := p.ask("/instances/"+leaving.String()+"/unwind", `{"reason":"the customer called"}`); status != http.StatusConflict || why != "there is no way back: dispatch was asked for" {
		t.Errorf("unwind: %d %s", status, why)
	}
	p.on(contracts.DispatchOrder{}, func(o uuid.UUID, _ string) contracts.Message {
		return contracts.OrderDispatched{OrderID: o, ShipmentID: "s"}
	})
	if status, _ := p.ask("/instances/"+leaving.String()+"/retry", `{"reason":"the warehouse is back"}`); status != http.StatusOK {
		t.Errorf("retry: %d", status)
	}
	p.becomes(leaving, "completed", func(i instance) bool { return i.State == "completed" })
}

// A stuck instance whose cause nobody foresaw calls for an operator too, and a proper answer clears it.
func TestStuckUntilAProperAnswer(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.on(contracts.ReserveStock{}, nil)
	order := p.place("alice")
	p.becomes(order, "the stock is asked for", func(i instance) bool { return i.Outstanding != nil })
	command := saga.CommandID(order, "reserve stock", false)
	p.publish(t.Context(), order, command, contracts.PaymentAuthorized{OrderID: order}) // of all things
	p.becomes(order, "stuck", func(i instance) bool { return i.Stuck == "PaymentAuthorized.v1 cannot answer reserve stock" })
	testkit.Eventually(t, func() bool { return p.shows(`saga_instances{state="stuck"} 1`) }, "the metric")
	p.publish(t.Context(), order, command, contracts.StockReserved{OrderID: order})
	p.becomes(order, "completed", func(i instance) bool { return i.State == "completed" && i.Stuck == "" })
}

func TestWrongStormSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"DEADLINE_STORM_SHARE=0", "DEADLINE_STORM_SHARE=1.5", "DEADLINE_STORM_LEAST=0", "DEADLINE_STORM_LEAST=many"} {
		if code := program.Run(t.Context(), first(), nil, []string{"DATABASE_URL=postgres://127.0.0.1:1/x", "JWKS=x", wrong}); code != program.ExitUsage {
			t.Errorf("%s: exit code %d", wrong, code)
		}
	}
}
