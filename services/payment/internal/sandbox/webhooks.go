package sandbox

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/webhook"
)

// Webhooks is how the sandbox writes its webhooks: some entries of its ledger at a time.
func Webhooks() webhook.Format {
	return webhook.Format{SignatureHeader: "Webhook-Signature", Hints: hints}
}

func hints(body []byte) ([]payments.Hint, error) {
	var told struct {
		Items []struct {
			Outcome     string `json:"outcome"`
			Key         string `json:"key"`
			Reference   string `json:"reference"`
			AmountMinor int64  `json:"amount_minor"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	out := make([]payments.Hint, 0, len(told.Items))
	for _, e := range told.Items {
		order, err := uuid.Parse(e.Reference)
		if err != nil || e.Key == "" || e.Outcome != outcomeSucceeded || e.AmountMinor == 0 {
			continue // somebody else's, or no call of ours, or no money moved
		}
		out = append(out, payments.Hint{Order: order, Key: e.Key})
	}
	return out, nil
}
