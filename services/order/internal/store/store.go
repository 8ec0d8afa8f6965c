// Package store keeps orders and the catalogue in PostgreSQL. Load and Save work for a batch within the machine's
// transaction; Store reads for HTTP.
package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/services/order/internal/ordering"
)

// Store reads orders, and reads and writes the catalogue.
type Store struct{ pool *pgxpool.Pool }

// New returns a store on a pool of the run role.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// Order returns the customer's order. Errors: *ordering.Error NotFound, also for an order of another customer.
func (s *Store) Order(ctx context.Context, customer string, id uuid.UUID) (ordering.Order, error) {
	rows, err := s.pool.Query(ctx, selectOrder, toPG(id), customer)
	if err != nil {
		return ordering.Order{}, fmt.Errorf("read order: %w", err)
	}
	orders, err := scanOrders(rows)
	switch {
	case err != nil:
		return ordering.Order{}, fmt.Errorf("read order: %w", err)
	case len(orders) == 0:
		return ordering.Order{}, &ordering.Error{Code: ordering.NotFound, Detail: "you have no such order"}
	}
	return orders[0], nil
}

// Orders returns at most limit of the customer's orders that are older than before, newest first. Empty status: of every
// status.
func (s *Store) Orders(ctx context.Context, customer string, status ordering.Status, before uuid.UUID, limit int) ([]ordering.Order, error) {
	rows, err := s.pool.Query(ctx, selectPage, customer, toPG(before), string(status), limit)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	orders, err := scanOrders(rows)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}

// States calls each with what the orders are now.
func (s *Store) States(ctx context.Context, ids []uuid.UUID, each func(uuid.UUID, ordering.State)) error {
	rows, err := s.pool.Query(ctx, selectStates, toPGs(ids))
	if err == nil {
		err = scanStates(rows, each)
	}
	if err != nil {
		return fmt.Errorf("read states: %w", err)
	}
	return nil
}

// Product returns one product. Errors: *ordering.Error NotFound.
func (s *Store) Product(ctx context.Context, sku string) (p ordering.Product, err error) {
	err = s.pool.QueryRow(ctx, selectProduct, sku).Scan(&p.SKU, &p.Name, &p.UnitPrice.AmountMinor, &p.UnitPrice.Currency)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return p, &ordering.Error{Code: ordering.NotFound, Detail: "there is no such product"}
	case err != nil:
		return p, fmt.Errorf("read product: %w", err)
	}
	return p, nil
}

// Products returns at most limit products whose SKU comes after the given one, by SKU.
func (s *Store) Products(ctx context.Context, after string, limit int) ([]ordering.Product, error) {
	var products []ordering.Product
	rows, err := s.pool.Query(ctx, selectProducts, after, limit)
	if err == nil {
		err = scanProducts(rows, func(p ordering.Product) { products = append(products, p) })
	}
	if err != nil {
		return nil, fmt.Errorf("list products: %w", err)
	}
	return products, nil
}

// PutProduct adds a product or changes its name and price.
func (s *Store) PutProduct(ctx context.Context, p ordering.Product) (added bool, err error) {
	row := s.pool.QueryRow(ctx, putProduct, p.SKU, p.Name, p.UnitPrice.AmountMinor, p.UnitPrice.Currency)
	if err := row.Scan(&added); err != nil {
		return false, fmt.Errorf("put product: %w", err)
	}
	return added, nil
}

// Backlog counts the messages that wait for the relay, up to a limit, and the orders that have not ended.
func (s *Store) Backlog(ctx context.Context, outboxLimit int) (outbox, unfinished int, err error) {
	if err := s.pool.QueryRow(ctx, countBacklog, outboxLimit).Scan(&outbox, &unfinished); err != nil {
		return 0, 0, fmt.Errorf("count the backlog: %w", err)
	}
	return outbox, unfinished, nil
}

// Placed returns those of the keys that have an order.
func (s *Store) Placed(ctx context.Context, keys []ordering.Key) ([]ordering.Key, error) {
	customers, names := splitKeys(keys)
	rows, err := s.pool.Query(ctx, selectKeys, customers, names)
	if err != nil {
		return nil, fmt.Errorf("look for keys: %w", err)
	}
	placed, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ordering.Key])
	if err != nil {
		return nil, fmt.Errorf("look for keys: %w", err)
	}
	return placed, nil
}
