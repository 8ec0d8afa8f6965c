package admin

import (
	"context"

	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/saga"
)

// RetryInstance sends the outstanding command, or an owed compensation, again.
func (a *API) RetryInstance(ctx context.Context, r RetryInstanceRequestObject) (RetryInstanceResponseObject, error) {
	wish := saga.Retry{Reason: r.Body.Reason}
	if r.Body.Step != nil {
		wish.Step = *r.Body.Step
	}
	instance, err := a.ask(ctx, r.OrderId, wish.Step, &runner.Wish{Input: wish, Reason: wish.Reason, Key: key(r.Params.IdempotencyKey)})
	if err != nil {
		return nil, err
	}
	return RetryInstance200JSONResponse{instance}, nil
}

// WaiveCompensation gives up an owed compensation.
func (a *API) WaiveCompensation(ctx context.Context, r WaiveCompensationRequestObject) (WaiveCompensationResponseObject, error) {
	wish := saga.Waive{Step: r.Body.Step, Reason: r.Body.Reason}
	instance, err := a.ask(ctx, r.OrderId, wish.Step, &runner.Wish{Input: wish, Reason: wish.Reason, Key: key(r.Params.IdempotencyKey)})
	if err != nil {
		return nil, err
	}
	return WaiveCompensation200JSONResponse{instance}, nil
}

// UnwindInstance undoes an order in flight.
func (a *API) UnwindInstance(ctx context.Context, r UnwindInstanceRequestObject) (UnwindInstanceResponseObject, error) {
	wish := saga.Unwind{Reason: r.Body.Reason}
	instance, err := a.ask(ctx, r.OrderId, "", &runner.Wish{Input: wish, Reason: wish.Reason, Key: key(r.Params.IdempotencyKey)})
	if err != nil {
		return nil, err
	}
	return UnwindInstance200JSONResponse{instance}, nil
}

// ask submits a wish and returns the instance after it. step is "" where none was named.
func (a *API) ask(ctx context.Context, order uuid.UUID, step string, wish *runner.Wish) (InstanceJSONResponse, error) {
	if step != "" && !a.steps[step] {
		return InstanceJSONResponse{}, unknownStep("/step")
	}
	wish.Operator = httpserver.ClaimsFrom(ctx).Subject
	limited, cancel := a.bounded(ctx)
	defer cancel()
	if err := runner.Ask(limited, a.Machine, order, wish); err != nil {
		return InstanceJSONResponse{}, err
	}
	a.Log.InfoContext(ctx, "an operator's wish", "order_id", order, "input", wish.Input.WireType(),
		"operator", wish.Operator, "effect", wish.Effect)
	if wish.Effect == saga.Denied || wish.Effect == saga.Ignored {
		return InstanceJSONResponse{}, denied(wish.Text)
	}
	return a.read(ctx, order)
}

func key(header *string) string {
	if header == nil {
		return ""
	}
	return *header
}
