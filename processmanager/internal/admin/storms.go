package admin

import (
	"context"
	"time"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/processmanager/internal/store"
)

// ListStorms returns a page, the newest storm first.
func (a *API) ListStorms(ctx context.Context, r ListStormsRequestObject) (ListStormsResponseObject, error) {
	before, err := parseCursor(r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := pageSize(r.Params.Limit)
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	storms, err := store.Storms(ctx, a.DB, r.Params.On, before, limit+1)
	if err != nil {
		return nil, err
	}
	page := ListStorms200JSONResponse{Items: make([]Storm, 0, len(storms))}
	if len(storms) > limit {
		storms = storms[:limit]
		page.NextCursor = cursor(storms[limit-1].ID)
	}
	for i := range storms {
		page.Items = append(page.Items, toStorm(&storms[i]))
	}
	return page, nil
}

// ReleaseStorm lets the orders of a storm be undone. Where an operator did so before, the answer is the same.
func (a *API) ReleaseStorm(ctx context.Context, r ReleaseStormRequestObject) (ReleaseStormResponseObject, error) {
	operator := httpserver.ClaimsFrom(ctx).Subject
	limited, cancel := a.bounded(ctx)
	defer cancel()
	storm, released, err := store.Release(limited, a.DB, r.StormId, operator, r.Body.Reason, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	if released {
		a.Log.WarnContext(ctx, "an operator released a deadline storm: its orders are undone", "storm_id", storm.ID, "step", storm.Step,
			"operator", operator, "reason", storm.Reason)
	} else if storm.Operator == "" {
		return nil, denied("it ended by itself at " + storm.EndedAt.Format(time.RFC3339))
	}
	return ReleaseStorm200JSONResponse(toStorm(&storm)), nil
}

func toStorm(s *store.Storm) Storm {
	return Storm{
		StormId: s.ID, Step: s.Step, BeganAt: s.BeganAt, InFlight: s.InFlight, Overdue: s.Overdue, Answered: s.Answered,
		EndedAt: moment(s.EndedAt), Operator: text(s.Operator), Reason: text(s.Reason),
	}
}
