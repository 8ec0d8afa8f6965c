package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/saga"
)

// diff runs the command over what the plant recorded, with a set that holds a second version: without a capture.
func (p *plant) diff(args ...string) (report shadow.Report, text string, err error) {
	p.t.Helper()
	d := *fulfilment.V1
	d.Version = 2
	d.Steps = slices.Delete(slices.Clone(d.Steps), 2, 3)
	cmd := program.Spec[config]{
		Name: service, Commands: []program.Command[config]{definitionCommand(saga.NewSet(fulfilment.V1, saga.Define(d)))},
	}.Command(p.environment)
	var out bytes.Buffer
	cmd.SetArgs(append([]string{"definition", "diff"}, args...))
	cmd.SetOut(&out)
	err = cmd.ExecuteContext(p.t.Context())
	if slices.Contains(args, "json") && out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &report); err != nil {
			p.t.Fatalf("%v: %s", err, out.String())
		}
	}
	return report, out.String(), err
}

// placeSecond places an order as an order service does that was switched to version 2.
func (p *plant) placeSecond(customer string) uuid.UUID {
	p.t.Helper()
	order := uuid.Must(uuid.NewV7())
	eur := contracts.Money{AmountMinor: 1999, Currency: "EUR"}
	p.publish(p.t.Context(), order, uuid.Nil, contracts.OrderPlacedV2{
		OrderID: order, CustomerID: customer, PaymentMethod: "pm_ok", ShipTo: "addr_home", Price: contracts.Price{Goods: eur, Total: eur},
		Lines: []contracts.PricedLine{{SKU: "SKU-0001", Quantity: 1, UnitPrice: eur}},
	})
	return order
}

// Shadow replay over what really happened: histories from the database, bodies from the log, old and new versions of
// messages among them. It shows where version 2 would part, changes nothing, and needs no more than the right to read.
func TestDefinitionDiff(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.on(contracts.VoidPayment{}, func(o uuid.UUID, _ string) contracts.Message {
		return contracts.PaymentVoidFailed{OrderID: o, Detail: "gone"}
	})
	orders := []uuid.UUID{p.place("alice"), p.placeSecond("bob")}
	for _, order := range orders {
		p.becomes(order, "completed", func(i instance) bool { return i.State == "completed" })
	}
	p.on(contracts.AuthorizePayment{}, nil)
	unwound := p.place("carol")
	p.becomes(unwound, "the authorisation hangs", func(i instance) bool { return i.Outstanding != nil && i.Outstanding.Step == "authorize payment" })
	for _, wish := range []struct{ path, body string }{
		{"/unwind", `{"reason":"the customer called"}`}, {"/retry", `{"reason":"again"}`}, {"/waive", `{"reason":"it expires","step":"authorize payment"}`},
	} {
		if wish.path != "/unwind" {
			p.becomes(unwound, "owed", func(i instance) bool { return strings.HasPrefix(i.Stuck, "compensation owed") && i.Outstanding == nil })
		}
		if status, why := p.ask("/instances/"+unwound.String()+wish.path, wish.body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", wish.path, status, why)
		}
	}
	p.becomes(unwound, "rejected", func(i instance) bool { return i.State == "rejected" })

	report, _, err := p.diff("--to", "2", "-o", "json")
	if !errors.Is(err, errDiffer) || report.Orders != 3 || report.Same != 1 || report.Differ != 2 || len(report.Kinds) != 1 {
		t.Fatalf("%v: %+v", err, report)
	}
	if k := report.Kinds[0]; k.Input != "PaymentAuthorized.v1" || k.From[0] != "CapturePayment.v1#1" || k.To[0] != "DispatchOrder.v1#1" || len(k.Orders) != 2 {
		t.Errorf("%+v", k)
	}
	_, text, err := p.diff("--to", "2", "--order", orders[0].String())
	if !errors.Is(err, errDiffer) || !strings.Contains(text, "over 1 orders: 0 the same, 1 differ") || !strings.Contains(text, orders[0].String()) {
		t.Errorf("%v: %s", err, text)
	}
	if _, text, err := p.diff("--to", "2", "--limit", "1"); err != nil || !strings.Contains(text, "over 1 orders: 1 the same") {
		t.Errorf("the newest one: %v: %s", err, text)
	}
	p.diffsOverHTTP(orders[0])
	// The program itself, whose only version does what it did.
	if code := program.Run(t.Context(), first(), []string{"definition", "diff", "--to", "1"}, p.environment); code != program.ExitOK {
		t.Errorf("exit code %d", code)
	}
	for _, wrong := range [][]string{{"--to", "9"}, {"--to", "1", "-o", "yaml"}, {"--to", "1", "--order", "x"}} {
		if code := program.Run(t.Context(), first(), append([]string{"definition", "diff"}, wrong...), p.environment); code != program.ExitUsage {
			t.Errorf("%v: exit code %d", wrong, code)
		}
	}
	if code := program.Run(t.Context(), first(), []string{"definition", "diff", "--to", "1"}, []string{"KAFKA_BROKERS=127.0.0.1:1"}); code != program.ExitUsage {
		t.Errorf("without a database: exit code %d", code)
	}
}

// diffsOverHTTP: operators ask the running program the same.
func (p *plant) diffsOverHTTP(order uuid.UUID) {
	p.t.Helper()
	diff := "http://" + p.admin + "/admin/v1/definitions/diff"
	for query, want := range map[string]int{
		"?from=1&to=1&limit=3": 3, "?from=1&to=1&order=" + order.String(): 1,
	} {
		status, body := get(p.t, diff+query)
		var found struct {
			Orders, Same int
			Text         string
		}
		if err := json.Unmarshal([]byte(body), &found); err != nil || status != http.StatusOK || found.Orders != want || found.Same != want {
			p.t.Errorf("%s: %d %s", query, status, body)
		}
		if !strings.HasPrefix(found.Text, fmt.Sprintf("fulfilment v1 → fulfilment v1 over %d orders: %d the same", want, want)) {
			p.t.Errorf("%s", found.Text)
		}
	}
	for query, want := range map[string]int{
		"?from=1&to=2": http.StatusUnprocessableEntity, "?from=2&to=1": http.StatusUnprocessableEntity, "?from=1": http.StatusBadRequest,
		"?from=1&to=1&limit=1001": http.StatusBadRequest, "?from=1&to=1&order=" + uuid.Must(uuid.NewV7()).String(): http.StatusNotFound,
	} {
		if status, body := get(p.t, diff+query); status != want {
			p.t.Errorf("%s: %d %s", query, status, body)
		}
	}
	status, body := get(p.t, "http://"+p.admin+"/admin/v1/definitions")
	if status != http.StatusOK || !strings.Contains(body, `"starts":true`) {
		p.t.Errorf("%d %s", status, body)
	}
}

// What the log no longer holds is said, order by order.
func TestDefinitionDiffWithoutTheLog(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	order := p.place("alice")
	p.becomes(order, "completed", func(i instance) bool { return i.State == "completed" })
	p.truncate(contracts.PaymentEvents)
	report, _, err := p.diff("--to", "2", "-o", "json")
	if err != nil || len(report.Unreplayable) != 1 || report.Unreplayable[0].Why != "line 3, PaymentAuthorized.v1: the record is no longer in the log" {
		t.Errorf("%v: %+v", err, report)
	}
}
