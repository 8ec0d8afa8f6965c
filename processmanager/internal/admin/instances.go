package admin

import (
	"context"

	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

const defaultPage = 20

func pageSize(limit *int) int {
	if limit == nil {
		return defaultPage
	}
	return *limit
}

// cursor leads to what comes after the last of a page.
func cursor(last uuid.UUID) *string {
	return httpserver.Cursor(last[:])
}

// parseCursor returns the last of the page before, uuid.Nil where there is none.
func parseCursor(c *string) (last uuid.UUID, err error) {
	key, err := httpserver.CursorKey(c, len(last))
	copy(last[:], key)
	return last, err
}

// ListInstances returns a page, the newest order first.
func (a *API) ListInstances(ctx context.Context, r ListInstancesRequestObject) (ListInstancesResponseObject, error) {
	filter, limit := store.Filter{Stuck: r.Params.Stuck}, pageSize(r.Params.Limit)
	if r.Params.State != nil {
		filter.State = saga.State(*r.Params.State)
	}
	if r.Params.Customer != nil {
		filter.CustomerID = *r.Params.Customer
	}
	if r.Params.Step != nil {
		if filter.Step = *r.Params.Step; !a.steps[filter.Step] && filter.Step != "reject" && filter.Step != "cancel" {
			return nil, unknownStep("#/query/step")
		}
	}
	var err error
	if filter.Before, err = parseCursor(r.Params.Cursor); err != nil {
		return nil, err
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
		page.NextCursor = cursor(records[limit-1].ID)
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
