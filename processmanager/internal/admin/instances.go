package admin

import (
	"context"
	"encoding/base64"

	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

const defaultPage = 20

// ListInstances returns a page, the newest order first.
func (a *API) ListInstances(ctx context.Context, r ListInstancesRequestObject) (ListInstancesResponseObject, error) {
	filter, limit := store.Filter{Stuck: r.Params.Stuck}, defaultPage
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	if r.Params.State != nil {
		filter.State = saga.State(*r.Params.State)
	}
	if r.Params.Customer != nil {
		filter.CustomerID = *r.Params.Customer
	}
	if c := r.Params.Cursor; c != nil {
		raw, err := base64.RawURLEncoding.DecodeString(*c)
		if err != nil || len(raw) != len(filter.Before) {
			return nil, httpserver.BadParameter("#/query/cursor", "not a cursor of this list")
		}
		copy(filter.Before[:], raw)
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	records, err := store.List(ctx, a.DB, filter, limit+1)
	if err != nil {
		return nil, err
	}
	page := ListInstances200JSONResponse{Items: make([]Instance, 0, len(records))}
	if len(records) > limit {
		records = records[:limit]
		next := base64.RawURLEncoding.EncodeToString(records[limit-1].ID[:])
		page.NextCursor = &next
	}
	for _, record := range records {
		page.Items = append(page.Items, toInstance(record))
	}
	return page, nil
}

// GetInstance returns an instance with its history.
func (a *API) GetInstance(ctx context.Context, r GetInstanceRequestObject) (GetInstanceResponseObject, error) {
	instance, err := a.read(ctx, r.OrderId)
	if err != nil {
		return nil, err
	}
	return GetInstance200JSONResponse{instance}, nil
}

func (a *API) read(ctx context.Context, order uuid.UUID) (InstanceJSONResponse, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	record, history, err := store.One(ctx, a.DB, order)
	if err != nil {
		return InstanceJSONResponse{}, err
	}
	instance := toInstance(record)
	entries := make([]Entry, len(history))
	for i := range history {
		entries[i] = toEntry(&history[i])
	}
	instance.History = &entries
	return InstanceJSONResponse(instance), nil
}

// ListDefinitions returns every version in flight.
func (a *API) ListDefinitions(context.Context, ListDefinitionsRequestObject) (ListDefinitionsResponseObject, error) {
	return ListDefinitions200JSONResponse{Items: a.Definitions}, nil
}
