// Package load drives the system from outside, over HTTP only: it seeds catalogue and stock, places orders and follows
// what becomes of them.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Client speaks to one API with one token. It is safe for concurrent use.
type Client struct {
	Base  []string // http://host:port of each replica; used in turn
	Token string

	http *http.Client
	turn turn
}

// NewClient returns a client of some replicas ("host:port").
func NewClient(addrs []string, token string) *Client {
	c := &Client{Token: token, http: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true},
	}}
	for _, a := range addrs {
		c.Base = append(c.Base, "http://"+a)
	}
	return c
}

// Line of an order.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// Order is what a customer sends.
type Order struct {
	Lines         []Line `json:"lines"`
	PaymentMethod string `json:"payment_method"`
	ShipTo        string `json:"ship_to"`
}

// StatusError is an answer that was not the expected one.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string { return fmt.Sprintf("answered %d: %s", e.Status, e.Body) }

// Do sends a request and decodes the answer into out (nil: dropped).
func (c *Client) Do(ctx context.Context, method, path, key string, in, out any) (http.Header, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base[c.turn.next(len(c.Base))]+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return res.Header, fmt.Errorf("%s %s: %w", method, path, &StatusError{res.StatusCode, string(b)})
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			return res.Header, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return res.Header, nil
}

// Place places an order and returns its id, from the Location of the answer. An empty key draws one.
func (c *Client) Place(ctx context.Context, key string, o Order) (uuid.UUID, error) {
	if key == "" {
		key = uuid.NewString()
	}
	h, err := c.Do(ctx, http.MethodPost, "/v1/orders", key, o, nil)
	if err != nil {
		return uuid.Nil, err
	}
	location := h.Get("Location")
	id, err := uuid.Parse(location[strings.LastIndexByte(location, '/')+1:])
	if err != nil {
		return uuid.Nil, fmt.Errorf("Location %q: %w", location, err) //nolint:staticcheck // a header's name
	}
	return id, nil
}

// Cancel asks for an order's cancellation.
func (c *Client) Cancel(ctx context.Context, id uuid.UUID) error {
	_, err := c.Do(ctx, http.MethodPost, "/v1/orders/"+id.String()+"/cancellation", "", nil, nil)
	return err
}
