package load

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"ordersaga.internal/scripts/internal/stack"
)

// Product is one row of scripts/seed.json: a range of SKUs with price and stock.
type Product struct {
	SKU        string `json:"sku"`   // with %04d where Count > 0
	Count      int    `json:"count"` // that many SKUs, numbered from 1; 0: just this one
	Name       string `json:"name"`
	PriceMinor int64  `json:"price_minor"`
	Currency   string `json:"currency"`
	Received   int    `json:"received"` // units
	Damaged    int    `json:"damaged"`  // of these, found when picking
}

// Seed loads scripts/seed.json through the services' APIs. Loading it again changes nothing.
func Seed(ctx context.Context, s *stack.Stack) error {
	raw, err := os.ReadFile(filepath.Join(s.Config.Root, "scripts", "seed.json"))
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	var products []Product
	if err := json.Unmarshal(raw, &products); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	token, err := s.Keys.Token("seed", "operator", time.Hour)
	if err != nil {
		return err
	}
	orders, warehouse := NewClient(s.APIs("order"), token), NewClient(s.APIs("warehouse"), token)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for _, p := range products {
		for i := range max(1, p.Count) {
			one := p
			if p.Count > 0 {
				one.SKU, one.Name = fmt.Sprintf(p.SKU, i+1), fmt.Sprintf(p.Name, i+1)
			}
			g.Go(func() error { return seedOne(ctx, orders, warehouse, one) })
		}
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

func seedOne(ctx context.Context, orders, warehouse *Client, p Product) error {
	product := map[string]any{"name": p.Name, "unit_price": map[string]any{"amount_minor": p.PriceMinor, "currency": p.Currency}}
	if _, err := orders.Do(ctx, http.MethodPut, "/v1/products/"+p.SKU, "", product, nil); err != nil {
		return err
	}
	if p.Received > 0 {
		if _, err := warehouse.Do(ctx, http.MethodPost, "/v1/stock/"+p.SKU+"/receipts", "seed-"+p.SKU, map[string]int{"quantity": p.Received}, nil); err != nil {
			return err
		}
	}
	if p.Damaged > 0 {
		if _, err := warehouse.Do(ctx, http.MethodPost, "/v1/stock/"+p.SKU+"/damage", "seed-damage-"+p.SKU, map[string]int{"quantity": p.Damaged}, nil); err != nil {
			return err
		}
	}
	return nil
}
