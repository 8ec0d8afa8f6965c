package stripe

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/webhook"
)

// Webhooks is how Stripe writes its webhooks: one event each, about an intent or a refund that has our metadata.
func Webhooks() webhook.Format {
	return webhook.Format{SignatureHeader: "Stripe-Signature", Hints: hints}
}

// successes are the events that report one.
var successes = map[string]bool{
	"payment_intent.amount_capturable_updated": true, // authorised
	"payment_intent.succeeded":                 true, // captured
	"payment_intent.canceled":                  true,
	"refund.created":                           true,
	"refund.updated":                           true,
}

func hints(body []byte) ([]payments.Hint, error) {
	var event struct {
		Type string `json:"type"`
		Data struct {
			Object struct {
				Metadata map[string]string `json:"metadata"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	order, ours := orderOf(event.Data.Object.Metadata[metadataOrder])
	if !ours || !successes[event.Type] {
		return nil, nil
	}
	return []payments.Hint{{Order: order}}, nil // an intent stands for more than one call
}

func orderOf(reference string) (order uuid.UUID, ours bool) {
	order, err := uuid.Parse(reference)
	return order, err == nil
}
