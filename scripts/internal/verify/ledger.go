package verify

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"ordersaga.internal/scripts/internal/stack"
)

// account is what the provider did for one order, in minor units.
type account struct{ authorized, captured, voided, refunded, expired int64 }

// entry is a line of the provider's ledger, as its API documents it.
type entry struct {
	ID            string `json:"id"`
	Operation     string `json:"operation"`
	Outcome       string `json:"outcome"`
	Reference     string `json:"reference"`
	Authorization string `json:"authorization"`
	AmountMinor   int64  `json:"amount_minor"`
}

// readLedger sums the provider's ledger by order and finds operations that took effect twice (I4).
func readLedger(ctx context.Context, s *stack.Stack, f *findings) (map[uuid.UUID]account, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.APIs("provider")[0]+"/v1/ledger", nil)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+stack.ProviderKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the ledger: %s", res.Status)
	}
	accounts := map[uuid.UUID]account{}
	owner := map[string]uuid.UUID{} // authorization → order
	effects := map[string]int{}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		if e.Outcome != "succeeded" {
			continue
		}
		id, err := uuid.Parse(e.Reference)
		if err != nil {
			id = owner[e.Authorization]
		}
		if e.Operation == "authorize" {
			owner[e.ID] = id
		}
		a := accounts[id]
		a.book(e)
		accounts[id] = a
		if e.AmountMinor > 0 {
			effects[id.String()+" "+e.Operation]++
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	for what, n := range effects {
		if n > 1 {
			f.add("I4", "the provider did %s %d times", what, n)
		}
	}
	return accounts, nil
}

func (a *account) book(e entry) {
	switch e.Operation {
	case "authorize":
		a.authorized += e.AmountMinor
	case "capture":
		a.captured += e.AmountMinor
	case "void":
		a.voided += e.AmountMinor
	case "refund":
		a.refunded += e.AmountMinor
	case "expire":
		a.expired += e.AmountMinor
	}
}
