package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/admin"
	"ordersaga.internal/processmanager/saga"
)

func TestInstancesAreListedAndRead(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	first, second, third := p.place("alice"), p.place("bob"), p.place("alice")
	stuck := p.owe("carol")
	var page admin.InstancePage
	list := func(query string, want ...uuid.UUID) {
		t.Helper()
		page = admin.InstancePage{}
		p.call(http.MethodGet, "/instances?"+query, "", &page)
		var got []uuid.UUID
		for _, i := range page.Items {
			got = append(got, i.OrderId)
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", query, got, want)
			return
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
	}
	list("", stuck, third, second, first)
	list("customer=alice", third, first)
	list("state=unwinding", stuck)
	list("state=running&stuck=false", third, second, first)
	list("stuck=true", stuck)
	list("step=authorize%20payment", stuck) // it owes
	list("step=reserve%20stock", third, second, first)
	list("step=reserve%20stock&customer=bob", second)
	list("step=dispatch")
	list("state=rejected")
	list("state=completed")
	list("limit=3", stuck, third, second)
	list("limit=3&cursor="+*page.NextCursor, first)
	if page.NextCursor != nil {
		t.Errorf("after the last page comes %q", *page.NextCursor)
	}

	var i admin.Instance
	p.call(http.MethodGet, "/instances/"+stuck.String(), "", &i)
	if i.Stuck == nil || i.Outstanding != nil || len(i.Steps) != 3 || string(i.Steps[1].Outcome) != string(saga.Owed) ||
		i.History == nil || len(*i.History) != 6 || *i.TraceId != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("instance %+v", i)
	}
	p.call(http.MethodGet, "/instances/"+first.String(), "", &i)
	if i.Outstanding == nil || i.Outstanding.Step != "reserve stock" || i.Outstanding.Attempt != 1 || i.Outstanding.Deadline == nil ||
		(*i.History)[0].Commands[0].Type != "ReserveStock.v1" {
		t.Errorf("instance %+v", i)
	}
	var definitions admin.DefinitionPage
	p.call(http.MethodGet, "/definitions", "", &definitions)
	if len(definitions.Items) != 1 || !strings.HasPrefix(definitions.Items[0].Mermaid, "flowchart") {
		t.Errorf("definitions %+v", definitions)
	}
}

func TestWishesAreGranted(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	owed, running := p.owe("alice"), p.place("bob")
	var i admin.Instance
	last := func() admin.Entry { return (*i.History)[len(*i.History)-1] }

	p.call(http.MethodPost, "/instances/"+running.String()+"/retry", `{"reason":"the warehouse is back"}`, &i)
	if i.Outstanding.Attempt != 2 || *last().Operator != "olga" || *last().Reason != "the warehouse is back" {
		t.Errorf("after the retry %+v", i)
	}
	p.call(http.MethodPost, "/instances/"+running.String()+"/unwind", `{"reason":"the customer called"}`, &i)
	if i.State != "unwinding" || !i.Outstanding.Undo || last().Commands[0].Type != "ReleaseStock.v1" {
		t.Errorf("after the unwind %+v", i)
	}
	p.call(http.MethodPost, "/instances/"+owed.String()+"/retry", `{"reason":"once more","step":"authorize payment"}`, &i)
	if i.Stuck == nil || i.Outstanding.Attempt != 2 || i.Outstanding.Step != "authorize payment" { // stuck until the answer
		t.Errorf("after the retry of what is owed %+v", i)
	}
	p.feed(owed, saga.CommandID(owed, "authorize payment", true), contracts.PaymentVoidFailed{OrderID: owed, Detail: "gone"})
	p.call(http.MethodPost, "/instances/"+owed.String()+"/waive", `{"reason":"it expires","step":"authorize payment"}`, &i)
	if i.Stuck != nil || i.State != "ending" || string(i.Steps[1].Outcome) != string(saga.Waived) {
		t.Errorf("after the waiver %+v", i)
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	order, final := p.place("alice").String(), p.owe("bob").String()
	unknown := uuid.Must(uuid.NewV7()).String()
	operator, customer := p.token, testkit.Token(t, "alice", "customer")
	for _, c := range []struct {
		name, token, method, path, body string
		status                          int
		code                            string
	}{
		{"no token", "", http.MethodGet, "/instances", "", 401, "missing-token"},
		{"customer", customer, http.MethodGet, "/instances", "", 403, "forbidden"},
		{"forged", operator + "x", http.MethodGet, "/instances", "", 401, "invalid-token"},
		{"no such path", operator, http.MethodGet, "/nothing", "", 404, "not-found"},
		{"wrong method", operator, http.MethodDelete, "/instances", "", 405, "method-not-allowed"},
		{"no such order", operator, http.MethodGet, "/instances/" + unknown, "", 404, "not-found"},
		{"no such order to retry", operator, http.MethodPost, "/instances/" + unknown + "/retry", `{"reason":"x"}`, 404, "not-found"},
		{"not v7", operator, http.MethodPost, "/instances/" + uuid.NewString() + "/retry", `{"reason":"x"}`, 404, "not-found"},
		{"no id", operator, http.MethodGet, "/instances/42", "", 400, "schema"},
		{"unknown state", operator, http.MethodGet, "/instances?state=lost", "", 400, "schema"},
		{"limit", operator, http.MethodGet, "/instances?limit=1000", "", 400, "schema"},
		{"step", operator, http.MethodGet, "/instances?step=wrap%20it", "", 422, "unknown-step"},
		{"cursor", operator, http.MethodGet, "/instances?cursor=abc", "", 400, "schema"},
		{"no reason", operator, http.MethodPost, "/instances/" + order + "/unwind", `{}`, 400, "schema"},
		{"blank reason", operator, http.MethodPost, "/instances/" + order + "/unwind", `{"reason":" "}`, 400, "schema"},
		{"unknown field", operator, http.MethodPost, "/instances/" + order + "/unwind", `{"reason":"x","force":true}`, 400, "schema"},
		{"no JSON", operator, http.MethodPost, "/instances/" + order + "/unwind", `{`, 400, "invalid-json"},
		{"unknown step", operator, http.MethodPost, "/instances/" + order + "/waive", `{"reason":"x","step":"wrap it"}`, 422, "unknown-step"},
		{"nothing owed", operator, http.MethodPost, "/instances/" + order + "/waive", `{"reason":"x","step":"reserve stock"}`, 409, "denied"},
		{"unknown step to retry", operator, http.MethodPost, "/instances/" + order + "/retry", `{"reason":"x","step":"wrap it"}`, 422, "unknown-step"},
		{"one at a time", operator, http.MethodPost, "/instances/" + order + "/retry", `{"reason":"x","step":"authorize payment"}`, 409, "denied"},
		{"no reason to waive", operator, http.MethodPost, "/instances/" + final + "/waive", `{"step":"authorize payment"}`, 400, "schema"},
		{"no reason to retry", operator, http.MethodPost, "/instances/" + final + "/retry", `{}`, 400, "schema"},
		{"long reason", operator, http.MethodPost, "/instances/" + final + "/retry", `{"reason":"` + strings.Repeat("x", 501) + `"}`, 400, "schema"},
		{"no such order to waive", operator, http.MethodPost, "/instances/" + unknown + "/waive", `{"reason":"x","step":"reserve stock"}`, 404, "not-found"},
		{"no such order to unwind", operator, http.MethodPost, "/instances/" + unknown + "/unwind", `{"reason":"x"}`, 404, "not-found"},
		{"customer retries", customer, http.MethodPost, "/instances/" + final + "/retry", `{"reason":"x"}`, 403, "forbidden"},
		{"customer waives", customer, http.MethodPost, "/instances/" + final + "/waive", `{"reason":"x","step":"authorize payment"}`, 403, "forbidden"},
		{"customer unwinds", customer, http.MethodPost, "/instances/" + order + "/unwind", `{"reason":"x"}`, 403, "forbidden"},
		{"customer releases", customer, http.MethodPost, "/storms/" + unknown + "/release", `{"reason":"x"}`, 403, "forbidden"},
		{"no such storm", operator, http.MethodPost, "/storms/" + unknown + "/release", `{"reason":"x"}`, 404, "not-found"},
		{"no storm's id", operator, http.MethodPost, "/storms/42/release", `{"reason":"x"}`, 400, "schema"},
		{"no reason to release", operator, http.MethodPost, "/storms/" + unknown + "/release", `{}`, 400, "schema"},
		{"cursor of storms", operator, http.MethodGet, "/storms?cursor=abc", "", 400, "schema"},
		{"unwound already", operator, http.MethodPost, "/instances/" + final + "/unwind", `{"reason":"x"}`, 409, "denied"},
	} {
		p.token = c.token
		var problem httpserver.Problem
		resp := p.call(c.method, c.path, c.body, &problem)
		if resp.StatusCode != c.status || problem.Type != "/problems/"+c.code || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %+v, want %d %s", c.name, resp.StatusCode, problem, c.status, c.code)
		}
	}
	p.token = operator
	var i admin.Instance
	p.call(http.MethodGet, "/instances/"+order, "", &i)
	if n := len(*i.History); n != 3 || (*i.History)[1].Effect != admin.EntryEffectDenied || (*i.History)[2].Effect != admin.EntryEffectDenied {
		t.Errorf("want the placing and the denied wishes in the history: %+v", *i.History)
	}
	p.call(http.MethodGet, "/instances/"+final, "", &i)
	if i.Stuck == nil || string(i.Steps[1].Outcome) != string(saga.Owed) {
		t.Errorf("somebody without the right moved it: %+v", i)
	}
}
