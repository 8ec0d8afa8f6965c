package admin_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/admin"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// A wish that is repeated with its key, also at once, has one effect and one answer; without a key each is a new one.
func TestARepeatedWishHasOneEffect(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	running, owed := p.place("alice"), p.owe("bob")
	retry := "/instances/" + running.String() + "/retry"
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			var i admin.Instance
			if r := p.call(http.MethodPost, retry, `{"reason":"the warehouse is back"}`, &i, "Idempotency-Key", "k"); r.StatusCode != http.StatusOK || i.Outstanding.Attempt != 2 {
				t.Errorf("%d, attempt %d", r.StatusCode, i.Outstanding.Attempt)
			}
		})
	}
	all.Wait()
	var i admin.Instance
	for _, c := range []struct {
		key     []string
		attempt int
	}{{nil, 3}, {[]string{"Idempotency-Key", "other"}, 4}, {[]string{"Idempotency-Key", "k"}, 4}} {
		if p.call(http.MethodPost, retry, `{"reason":"the warehouse is back"}`, &i, c.key...); i.Outstanding.Attempt != c.attempt {
			t.Errorf("key %v: attempt %d, want %d", c.key, i.Outstanding.Attempt, c.attempt)
		}
	}
	p.token = testkit.Token(t, "otto", "operator") // whose keys are others
	if p.call(http.MethodPost, retry, `{"reason":"me too"}`, &i, "Idempotency-Key", "k"); i.Outstanding.Attempt != 5 || len(*i.History) != 5 {
		t.Errorf("another operator: attempt %d, history %+v", i.Outstanding.Attempt, i.History)
	}

	for _, c := range []struct {
		path, body string
		state      string
	}{
		{"/instances/" + running.String() + "/unwind", `{"reason":"fraud"}`, "unwinding"},
		{"/instances/" + owed.String() + "/waive", `{"reason":"it expires","step":"authorize payment"}`, "ending"},
	} {
		for range 2 {
			if r := p.call(http.MethodPost, c.path, c.body, &i, "Idempotency-Key", "k"); r.StatusCode != http.StatusOK || string(i.State) != c.state {
				t.Errorf("%s: %d %s", c.path, r.StatusCode, i.State)
			}
		}
		for range 2 { // denied once, denied again; and once in the history
			var problem httpserver.Problem
			if r := p.call(http.MethodPost, c.path, c.body, &problem, "Idempotency-Key", "late"); r.StatusCode != http.StatusConflict || problem.Detail == "" {
				t.Errorf("%s: %d %+v", c.path, r.StatusCode, problem)
			}
		}
	}
	denied := 0
	p.call(http.MethodGet, "/instances/"+running.String(), "", &i)
	for _, e := range *i.History {
		if e.Effect == admin.EntryEffectDenied {
			denied++
		}
	}
	if denied != 1 {
		t.Errorf("%d denied wishes in the history", denied)
	}
}

// Beyond the pivot there is no way back, also not for an operator, who is told so; the command can be sent again.
func TestNoWayBack(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	order := p.place("alice")
	p.feed(order, saga.CommandID(order, "reserve stock", false), contracts.StockReserved{OrderID: order})
	p.feed(order, saga.CommandID(order, "authorize payment", false), contracts.PaymentAuthorized{OrderID: order})
	p.feed(order, saga.CommandID(order, "capture payment", false), contracts.PaymentCaptured{OrderID: order})
	var problem httpserver.Problem
	r := p.call(http.MethodPost, "/instances/"+order.String()+"/unwind", `{"reason":"the customer called"}`, &problem)
	if r.StatusCode != http.StatusConflict || problem.Detail != "there is no way back: dispatch was asked for" {
		t.Errorf("%d %+v", r.StatusCode, problem)
	}
	var i admin.Instance
	if p.call(http.MethodPost, "/instances/"+order.String()+"/retry", `{"reason":"the parcel is late"}`, &i); i.Outstanding.Step != "dispatch" || i.Outstanding.Attempt != 2 {
		t.Errorf("after the retry %+v", i.Outstanding)
	}
}

func TestStormsAreListedAndReleased(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	var ids []uuid.UUID
	for _, step := range []string{"reserve stock", "authorize payment", "capture payment"} {
		s := store.Storm{
			ID: uuid.Must(uuid.NewV7()), Step: step, BeganAt: time.Now().UTC(), Waiting: store.Waiting{InFlight: 100, Overdue: 90},
		}
		if err := pgx.BeginFunc(t.Context(), p.db.Pool, func(tx pgx.Tx) error {
			_, err := store.BeginStorm(t.Context(), tx, &s, 0)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	if ended, err := store.Calm(t.Context(), p.db.Pool, ids[0], time.Now().UTC()); err != nil || !ended {
		t.Fatal(ended, err)
	}
	list := func(query string, want ...uuid.UUID) (page admin.StormPage) {
		t.Helper()
		p.call(http.MethodGet, "/storms?"+query, "", &page)
		ok := len(page.Items) == len(want)
		for i := range want {
			ok = ok && page.Items[i].StormId == want[i]
		}
		if !ok {
			t.Errorf("%s: %+v, want %v", query, page.Items, want)
		}
		return page
	}
	first := list("limit=2", ids[2], ids[1])
	list("limit=2&cursor="+*first.NextCursor, ids[0])
	list("on=false", ids[0])
	if s := list("on=true", ids[2], ids[1]).Items[0]; s.Step != "capture payment" || s.InFlight != 100 || s.Overdue != 90 || s.EndedAt != nil || s.Operator != nil {
		t.Errorf("storm %+v", s)
	}
	var s, again admin.Storm
	path := "/storms/" + ids[2].String() + "/release"
	if r := p.call(http.MethodPost, path, `{"reason":"gone for today"}`, &s); r.StatusCode != http.StatusOK || s.EndedAt == nil || *s.Operator != "olga" || *s.Reason != "gone for today" {
		t.Errorf("%d %+v", r.StatusCode, s)
	}
	if r := p.call(http.MethodPost, path, `{"reason":"once more"}`, &again); r.StatusCode != http.StatusOK || !again.EndedAt.Equal(*s.EndedAt) || *again.Reason != "gone for today" {
		t.Errorf("%d %+v", r.StatusCode, again)
	}
	list("on=true", ids[1])
	var problem httpserver.Problem
	if r := p.call(http.MethodPost, "/storms/"+ids[0].String()+"/release", `{"reason":"x"}`, &problem); r.StatusCode != http.StatusConflict || problem.Type != "/problems/denied" {
		t.Errorf("%d %+v", r.StatusCode, problem)
	}
}
