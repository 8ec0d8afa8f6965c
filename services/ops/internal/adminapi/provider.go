package adminapi

import (
	"context"
	"net/url"
	"time"

	"github.com/google/uuid"
)

// Entry is a line of the sandbox provider's ledger: what it did, or refused, under an idempotency key.
type Entry struct {
	ID          string    `json:"id"`
	At          time.Time `json:"at"`
	Operation   string    `json:"operation"` // authorize, capture, void, refund, close, expire
	Outcome     string    `json:"outcome"`   // succeeded, refused, closed
	Code        string    `json:"code,omitempty"`
	Key         string    `json:"key,omitempty"`
	AmountMinor int64     `json:"amount_minor"`
	Currency    string    `json:"currency,omitempty"`
}

// Ledger returns the entries of an order, oldest first. The client's token is the API key.
func (c Client) Ledger(ctx context.Context, order uuid.UUID) ([]Entry, error) {
	var page struct {
		Items []Entry `json:"items"`
	}
	err := c.Get(ctx, "/v1/operations?reference="+url.QueryEscape(order.String()), &page)
	return page.Items, err
}
