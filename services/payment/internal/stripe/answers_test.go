package stripe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	gowebhook "github.com/stripe/stripe-go/v85/webhook"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/stripe"
	"ordersaga.internal/services/payment/internal/stripetest"
	"ordersaga.internal/services/payment/internal/webhook"
)

func call(a payments.Action) payments.Call {
	c := payments.Call{
		Action: a, Key: uuid.NewString(), Order: uuid.New(), Target: "pi_1",
		Amount: contracts.Money{AmountMinor: 1999, Currency: "EUR"}, PaymentMethod: stripetest.MethodOK,
	}
	if a == payments.ActionAuthorize {
		c.Target, c.Reference = "", "pi_1"
	}
	return c
}

var actions = []payments.Action{payments.ActionAuthorize, payments.ActionCapture, payments.ActionVoid, payments.ActionRefund}

// Every request is one that Stripe's own document allows: stripe-mock, which checks that, refuses none. What it answers are
// examples, so nothing else can be learned from them.
func TestRequests(t *testing.T) {
	t.Parallel()
	to, err := url.Parse(stripetest.Mock(t))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	statuses := map[string]int{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(r *http.Response) error {
			mu.Lock()
			defer mu.Unlock()
			statuses[r.Request.Method+" "+r.Request.URL.Path] = r.StatusCode
			if sent, back := r.Request.Header.Get("Idempotency-Key"), r.Header.Get("Idempotency-Key"); r.Request.Method == http.MethodPost && (sent == "" || sent != back) {
				t.Errorf("%s: the key %q came back as %q", r.Request.URL, sent, back)
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	client := connect(t, server.URL)
	create := call(payments.ActionAuthorize)
	create.Reference = ""
	if r, err := client.Do(t.Context(), create); err != nil || r.Outcome != payments.Ready || !strings.HasPrefix(r.Reference, "pi_") {
		t.Errorf("create: %+v, %v", r, err)
	}
	create.PaymentMethod = "cus_1/pm_1"
	if r, err := client.Do(t.Context(), create); err != nil || r.Outcome != payments.Ready {
		t.Errorf("create for a customer: %+v, %v", r, err)
	}
	for _, a := range actions { // the examples' states fit no story: only whether the requests are taken counts
		_, _ = client.Do(t.Context(), call(a))
		_, _ = client.Get(t.Context(), call(a))
		_, _ = client.Close(t.Context(), call(a))
	}
	for _, want := range []string{
		"POST /v1/payment_intents", "GET /v1/payment_intents/pi_1", "POST /v1/payment_intents/pi_1/confirm",
		"POST /v1/payment_intents/pi_1/capture", "POST /v1/payment_intents/pi_1/cancel", "POST /v1/refunds", "GET /v1/refunds",
	} {
		if statuses[want] != http.StatusOK {
			t.Errorf("%s: %d", want, statuses[want])
		}
		delete(statuses, want)
	}
	if len(statuses) > 0 {
		t.Errorf("other requests: %v", statuses)
	}
}

// Server errors leave the outcome unknown, are replayed under the key, and do not keep the adapter from the truth.
func TestServerErrors(t *testing.T) {
	t.Parallel()
	other := stripetest.New(t)
	client := connect(t, other.URL)
	order := uuid.New()
	for _, when := range []stripetest.When{stripetest.Before, stripetest.After} {
		held := payments.Call{
			Action: payments.ActionAuthorize, Key: uuid.NewString(), Order: order, PaymentMethod: stripetest.MethodOK,
			Amount: contracts.Money{AmountMinor: 1999, Currency: "EUR"},
		}
		broken := func(request string, c payments.Call) payments.Result {
			other.Break(stripetest.Fault{Request: request, When: when})
			if r, err := client.Do(t.Context(), c); err == nil {
				t.Fatalf("%s under 500: %+v", request, r)
			}
			if when == stripetest.After && c.Reference+c.Target != "" {
				if r, err := client.Get(t.Context(), c); err != nil || r.Outcome != payments.Done {
					t.Errorf("read after %s: %+v, %v", request, r, err)
				}
			}
			r, err := client.Do(t.Context(), c)
			if err != nil {
				t.Fatalf("%s again: %v", request, err)
			}
			return r
		}
		held.Reference = broken("POST payment_intents", held).Reference
		hold := broken("POST confirm", held)
		take := held
		take.Action, take.Key, take.Target, take.Reference = payments.ActionCapture, uuid.NewString(), hold.Reference, ""
		taken := broken("POST capture", take)
		back := take
		back.Action, back.Key = payments.ActionRefund, uuid.NewString()
		given := broken("POST refunds", back)
		for name, r := range map[string]payments.Result{"authorize": hold, "capture": taken, "refund": given} {
			if r.Outcome != payments.Done || r.AmountMinor != 1999 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	if a, c, v, r := other.Effects(order.String()); a != 2 || c != 2 || v != 0 || r != 2 {
		t.Errorf("effects of two charges: %d %d %d %d", a, c, v, r)
	}
}

// answering serves one answer to everything.
func answering(t *testing.T, status int, body string) *stripe.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return connect(t, server.URL)
}

// What is no answer of Stripe's business is an error, and says nothing of persons and cards.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	failure := `{"error":{"type":"%s","code":"%s","message":"Jenny Rosen 4242","payment_intent":{"id":"pi_1","status":"requires_capture","receipt_email":"jenny@example.com"}}}`
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"another API key":   {401, fmt.Sprintf(failure, "invalid_request_error", "api_key_expired")},
		"not allowed":       {403, fmt.Sprintf(failure, "invalid_request_error", "secret_key_required")},
		"nothing there":     {404, fmt.Sprintf(failure, "invalid_request_error", "resource_missing")},
		"key in use":        {409, fmt.Sprintf(failure, "idempotency_error", "idempotency_key_in_use")},
		"key of another":    {400, fmt.Sprintf(failure, "idempotency_error", "")},
		"too many":          {429, fmt.Sprintf(failure, "invalid_request_error", "rate_limit")},
		"locked":            {429, fmt.Sprintf(failure, "invalid_request_error", "lock_timeout")},
		"broken":            {500, fmt.Sprintf(failure, "api_error", "")},
		"not Stripe at all": {502, `<html>Jenny Rosen 4242</html>`},
		"not JSON":          {200, `Jenny Rosen 4242`},
	} {
		client := answering(t, c.status, c.body)
		for _, a := range actions {
			for method, ask := range map[string]func(context.Context, payments.Call) (payments.Result, error){
				"do": client.Do, "get": client.Get, "close": client.Close,
			} {
				r, err := ask(t.Context(), call(a))
				if err == nil {
					t.Errorf("%s: %s of %s: %+v", name, method, a, r)
				} else if text := err.Error(); strings.Contains(text, "4242") || strings.Contains(strings.ToLower(text), "jenny") {
					t.Errorf("%s: %s of %s says %s", name, method, a, text)
				}
			}
		}
	}
}

// What an intent's state says about each call, when it is read.
func TestStates(t *testing.T) {
	t.Parallel()
	held := `"latest_charge":{"id":"ch_1","object":"charge","status":"succeeded"}`
	failed := `"latest_charge":{"id":"ch_1","object":"charge","status":"failed"},"last_payment_error":{"type":"card_error","code":"card_declined","decline_code":"lost_card","message":"m"}`
	nothing := payments.Result{Outcome: payments.Nothing}
	done := func(minor int64) payments.Result {
		return payments.Result{Outcome: payments.Done, AmountMinor: minor, Reference: "pi_1"}
	}
	refused := func(reason contracts.Reason, code string) payments.Result {
		return payments.Result{Outcome: payments.Refused, Reason: reason, Code: code}
	}
	declined, expired := refused(contracts.ReasonDeclined, "lost_card"), refused(contracts.ReasonExpired, "canceled")
	for _, c := range []struct {
		status, more             string
		authorize, capture, void payments.Result
	}{
		{"requires_confirmation", "", nothing, nothing, nothing},
		{"requires_action", "", nothing, nothing, nothing},
		{"processing", "", nothing, nothing, nothing},
		{"requires_payment_method", failed, declined, nothing, nothing},
		{"requires_capture", held, done(1999), nothing, nothing},
		{"succeeded", held, done(1999), done(1500), done(0)},
		{"canceled", "", nothing, expired, done(0)},
		{"canceled", failed, declined, expired, done(0)},
		{"canceled", held + `,"cancellation_reason":"abandoned"`, done(1999), expired, done(1999)},
		{"canceled", held + `,"cancellation_reason":"requested_by_customer"`, done(1999), expired, done(1999)},
		{"canceled", held + `,"cancellation_reason":"expired"`, done(1999), expired, done(0)},
		{"canceled", held + `,"cancellation_reason":"automatic"`, done(1999), expired, done(0)},
	} {
		received := 0
		if c.status == "succeeded" {
			received = 1500
		}
		body := fmt.Sprintf(`{"id":"pi_1","object":"payment_intent","amount":1999,"amount_received":%d,"status":%q`, received, c.status)
		if c.more != "" {
			body += "," + c.more
		}
		client := answering(t, http.StatusOK, body+"}")
		for a, want := range map[payments.Action]payments.Result{
			payments.ActionAuthorize: c.authorize, payments.ActionCapture: c.capture, payments.ActionVoid: c.void,
		} {
			if r, err := client.Get(t.Context(), call(a)); err != nil || r != want {
				t.Errorf("%s %s: %s is %+v, %v; want %+v", c.status, c.more, a, r, err, want)
			}
		}
	}
}

// A refund that is on its way has no outcome; one that failed is refused.
func TestRefunds(t *testing.T) {
	t.Parallel()
	c := call(payments.ActionRefund)
	for status, want := range map[string]payments.Outcome{
		"succeeded": payments.Done, "pending": payments.Nothing, "requires_action": payments.Nothing,
		"failed": payments.Refused, "canceled": payments.Refused,
	} {
		refund := fmt.Sprintf(`{"id":"re_1","object":"refund","amount":7,"status":%q,"metadata":{"command_id":%q}}`, status, c.Key)
		r, err := answering(t, http.StatusOK, refund).Do(t.Context(), c)
		if (want == payments.Nothing) != (err != nil) || err == nil && r.Outcome != want {
			t.Errorf("%s: %+v, %v", status, r, err)
		}
		r, err = answering(t, http.StatusOK, `{"object":"list","has_more":false,"data":[`+refund+`]}`).Get(t.Context(), c)
		if err != nil || r.Outcome != want {
			t.Errorf("%s, read: %+v, %v", status, r, err)
		}
	}
}

// Events are signed as Stripe's own library signs them, and hint at the order whose money moved.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	order := uuid.New()
	event := func(kind, metadata string) []byte {
		return fmt.Appendf(nil, `{"object":"event","type":%q,"data":{"object":{"object":"payment_intent","id":"pi_1","metadata":{%s}}}}`, kind, metadata)
	}
	ours := fmt.Sprintf(`"order_id":%q`, order)
	signed := gowebhook.GenerateTestSignedPayload(&gowebhook.UnsignedPayload{
		Payload: event("payment_intent.succeeded", ours), Secret: "whsec_of_a_test", Timestamp: time.Now(), Scheme: "v1",
	})
	if err := webhook.Verify([]string{"whsec_next", "whsec_of_a_test"}, signed.Header, signed.Payload, time.Now()); err != nil {
		t.Error(err)
	}
	format, hint := stripe.Webhooks(), []payments.Hint{{Order: order}}
	for _, c := range []struct {
		body []byte
		want []payments.Hint
	}{
		{event("payment_intent.succeeded", ours), hint},
		{event("payment_intent.amount_capturable_updated", ours), hint},
		{event("payment_intent.canceled", ours), hint},
		{event("refund.created", ours), hint},
		{event("payment_intent.payment_failed", ours), nil}, // no success
		{event("customer.created", ours), nil},
		{event("payment_intent.succeeded", `"order_id":"not ours"`), nil},
		{event("payment_intent.succeeded", ""), nil},
	} {
		if got, err := format.Hints(c.body); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.body, got, err)
		}
	}
	if got, err := format.Hints([]byte("{")); err == nil {
		t.Errorf("no JSON: %v", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []stripe.Config{{}, {Key: "k", URL: "x"}, {Key: "k", URL: "ftp://x"}} {
		if _, err := stripe.New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
