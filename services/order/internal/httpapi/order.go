package httpapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"ordersaga.internal/services/order/internal/ordering"
	"ordersaga.internal/services/order/internal/watch"
)

// GetOrder returns the customer's order; with Prefer: wait, once it is something else than the customer knows.
func (a *API) GetOrder(ctx context.Context, r GetOrderRequestObject) (GetOrderResponseObject, error) {
	id, err := parseOrder(r.OrderId)
	if err != nil {
		return nil, err
	}
	known := deref(r.Params.IfNoneMatch)
	wait, applied := preferWait(deref(r.Params.Prefer))
	var watcher *watch.Watcher
	if wait > 0 {
		watcher = a.Watch.Subscribe(id) // before reading: then nothing is missed
		defer watcher.Close()
	}
	reading, cancel := a.bounded(ctx)
	defer cancel()
	o, err := a.Orders.Order(reading, customer(ctx), id)
	if err != nil {
		return nil, err
	}
	if wait > 0 && !o.Final() && (known == "" || matches(known, etag(&o))) {
		o.State = a.await(ctx, watcher, o.State, wait)
	}
	tag := etag(&o)
	if known != "" && matches(known, tag) {
		return GetOrder304Response{Headers: GetOrder304ResponseHeaders{ETag: &tag, PreferenceApplied: applied}}, nil
	}
	return GetOrder200JSONResponse{
		Body: toOrder(&o), Headers: GetOrder200ResponseHeaders{ETag: &tag, PreferenceApplied: applied},
	}, nil
}

// await returns the state that follows the known one; the known one when nothing came in time.
func (a *API) await(ctx context.Context, w *watch.Watcher, known ordering.State, wait time.Duration) ordering.State {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case s := <-w.Changes:
			if s.Version > known.Version {
				return s
			}
		case <-timer.C:
			return known
		case <-ctx.Done():
			return known
		case <-a.Stopping:
			return known
		}
	}
}

// etag is strong: what of an order changes is counted by its version.
func etag(o *ordering.Order) string { return `"` + strconv.FormatInt(o.Version, 10) + `"` }

// matches is RFC 9110's weak comparison of If-None-Match.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || candidate == tag {
			return true
		}
	}
	return false
}

const maxWait = 30

// preferWait reads wait=N of RFC 7240. applied is what to answer in Preference-Applied.
func preferWait(header string) (wait time.Duration, applied *string) {
	for preference := range strings.SplitSeq(header, ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 16)
		if err != nil || n == 0 {
			return 0, nil
		}
		seconds := min(n, maxWait)
		text := "wait=" + strconv.FormatUint(seconds, 10)
		return time.Duration(seconds) * time.Second, &text
	}
	return 0, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
