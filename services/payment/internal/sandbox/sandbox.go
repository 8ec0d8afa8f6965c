// Package sandbox is the adapter to the sandbox payment provider, over HTTP (contracts/openapi/provider.yaml).
package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

// Config of a Client.
type Config struct {
	URL         string // "http://127.0.0.1:8085". Required.
	Key         string // API key. Required.
	Connections int    // kept open. Default 64.
}

// Client implements payments.Provider. It sets no timeout: the context does.
type Client struct {
	base   string
	bearer string
	http   *http.Client
}

var _ payments.Provider = (*Client)(nil)

// New returns a client. It connects to nothing yet.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("provider URL %q: an http or https URL is needed", c.URL)
	}
	if c.Key == "" {
		return nil, errors.New("the provider's API key is needed")
	}
	if c.Connections <= 0 {
		c.Connections = 64
	}
	return &Client{
		base: strings.TrimSuffix(c.URL, "/"), bearer: "Bearer " + c.Key,
		http: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConns:        c.Connections,
			MaxIdleConnsPerHost: c.Connections, // all calls go to one host; the default of 2 would dial for each
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true, // answers are a few hundred bytes
		}},
	}, nil
}

// CloseIdle closes connections that no call uses.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Do implements payments.Provider.
func (c *Client) Do(ctx context.Context, call payments.Call) (payments.Result, error) {
	path, body := "", any(nil)
	switch call.Action {
	case payments.ActionAuthorize:
		path, body = "/v1/authorizations", authorizeBody{
			AmountMinor: call.Amount.AmountMinor, Currency: call.Amount.Currency,
			PaymentMethod: call.PaymentMethod, Reference: call.Order.String(),
		}
	case payments.ActionCapture:
		path = "/v1/authorizations/" + url.PathEscape(call.Target) + "/capture"
		body = captureBody{AmountMinor: call.Amount.AmountMinor, Currency: call.Amount.Currency}
	case payments.ActionVoid:
		path = "/v1/authorizations/" + url.PathEscape(call.Target) + "/void"
	case payments.ActionRefund:
		path = "/v1/captures/" + url.PathEscape(call.Target) + "/refund"
	}
	status, e, err := c.send(ctx, http.MethodPost, path, call.Key, body)
	if err != nil {
		return payments.Result{}, fmt.Errorf("%s: %w", call.Action, err)
	}
	switch status {
	case http.StatusOK, http.StatusPaymentRequired, http.StatusConflict:
		return result(call, e, payments.Refused)
	}
	return payments.Result{}, fmt.Errorf("%s: the provider answered %d", call.Action, status)
}

// Close implements payments.Provider. What is closed may have been done before under a key that was forgotten: it is looked
// for afterwards.
func (c *Client) Close(ctx context.Context, call payments.Call) (payments.Result, error) {
	status, e, err := c.send(ctx, http.MethodPost, "/v1/operations/"+url.PathEscape(call.Key)+"/close", "", nil)
	switch {
	case err != nil:
		return payments.Result{}, fmt.Errorf("close %s: %w", call.Action, err)
	case status == http.StatusOK && e.Outcome == outcomeClosed:
		return c.find(ctx, call)
	case status == http.StatusOK:
		return result(call, e, payments.Nothing)
	}
	return payments.Result{}, fmt.Errorf("close %s: the provider answered %d", call.Action, status)
}

// Get implements payments.Provider.
func (c *Client) Get(ctx context.Context, call payments.Call) (payments.Result, error) {
	status, e, err := c.send(ctx, http.MethodGet, "/v1/operations/"+url.PathEscape(call.Key), "", nil)
	switch {
	case err != nil:
		return payments.Result{}, fmt.Errorf("get %s: %w", call.Action, err)
	case status == http.StatusOK && e.Outcome != outcomeClosed:
		return result(call, e, payments.Nothing)
	case status == http.StatusOK, status == http.StatusNotFound:
		return c.find(ctx, call)
	}
	return payments.Result{}, fmt.Errorf("get %s: the provider answered %d", call.Action, status)
}

// find looks among all that happened under the order for what was done under the key: that outlives the key. Refusals that
// the provider does not remember are not the call's result.
func (c *Client) find(ctx context.Context, call payments.Call) (payments.Result, error) {
	status, data, err := c.exchange(ctx, http.MethodGet, "/v1/operations?reference="+url.QueryEscape(call.Order.String()), "", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the provider answered %d", status)
	}
	var found struct {
		Items []entry `json:"items"`
	}
	if err == nil {
		err = json.Unmarshal(data, &found)
	}
	if err != nil {
		return payments.Result{}, fmt.Errorf("find %s: %w", call.Action, err)
	}
	for _, e := range found.Items {
		if e.Key == call.Key && e.Outcome == outcomeSucceeded {
			return result(call, e, payments.Nothing)
		}
	}
	return payments.Result{Outcome: payments.Nothing}, nil
}

// result translates an entry. closed is the outcome of a call whose key was closed before anything was done under it.
func result(call payments.Call, e entry, closed payments.Outcome) (payments.Result, error) {
	switch e.Outcome {
	case outcomeSucceeded:
		return payments.Result{Outcome: payments.Done, AmountMinor: e.AmountMinor, Reference: e.ID}, nil
	case "refused":
		return payments.Result{Outcome: payments.Refused, Reason: reason(call.Action), Code: e.Code}, nil
	case outcomeClosed:
		r := payments.Result{Outcome: closed}
		if closed == payments.Refused {
			r.Reason, r.Code = contracts.ReasonSuperseded, "closed"
		}
		return r, nil
	}
	return payments.Result{}, fmt.Errorf("%s: the provider answered outcome %q", call.Action, e.Outcome)
}

func reason(a payments.Action) contracts.Reason {
	if a == payments.ActionCapture {
		return contracts.ReasonExpired
	}
	return contracts.ReasonDeclined
}

// Outcomes of entries.
const (
	outcomeSucceeded = "succeeded"
	outcomeClosed    = "closed"
)

type authorizeBody struct {
	AmountMinor   int64  `json:"amount_minor"`
	Currency      string `json:"currency"`
	PaymentMethod string `json:"payment_method"`
	Reference     string `json:"reference"`
}

type captureBody struct {
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

// entry is what is needed of the provider's answer.
type entry struct {
	ID          string `json:"id"`
	Key         string `json:"key"`
	Outcome     string `json:"outcome"`
	Code        string `json:"code"`
	AmountMinor int64  `json:"amount_minor"`
}

const maxAnswer = 1 << 20

var contentJSON = []string{"application/json"}

// send returns the status, and the entry where the body is one.
func (c *Client) send(ctx context.Context, method, path, key string, body any) (status int, e entry, err error) {
	status, data, err := c.exchange(ctx, method, path, key, body)
	switch status {
	case http.StatusOK, http.StatusPaymentRequired, http.StatusConflict:
		if err := json.Unmarshal(data, &e); err != nil {
			return 0, entry{}, fmt.Errorf("decode answer: %w", err)
		}
	}
	return status, e, err
}

// exchange returns the answer's status and body.
func (c *Client) exchange(ctx context.Context, method, path, key string, body any) (int, []byte, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, fmt.Errorf("encode: %w", err)
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return 0, nil, fmt.Errorf("request: %w", err)
	}
	r.Header["Authorization"] = []string{c.bearer}
	if body != nil {
		r.Header["Content-Type"] = contentJSON
	}
	if key != "" {
		r.Header["Idempotency-Key"] = []string{key}
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // to the end, so that the connection can be used again
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, nil, fmt.Errorf("read answer: %w", err)
	}
	return answer.StatusCode, data, nil
}
