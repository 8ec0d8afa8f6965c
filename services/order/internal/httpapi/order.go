package httpapi

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// GetOrder returns the customer's order; with Prefer: wait, once it is something else than the customer knows.
func (a *API) GetOrder(ctx context.Context, r GetOrderRequestObject) (GetOrderResponseObject, error) {
	id, err := parseOrder(r.OrderId)
	if err != nil {
		return nil, err
	}
	known := deref(r.Params.IfNoneMatch)
	wait, applied := preferWait(deref(r.Params.Prefer))
	w := &watchers{}
	if wait > 0 { // before reading: then nothing is missed
		w = a.subscribe(id, known != "")
		defer w.close()
	}
	s, err := a.see(ctx, id)
	if err != nil {
		return nil, err
	}
	if wait > 0 && !s.order.Final() && (known == "" || matches(known, s.etag())) {
		if a.await(ctx, w, &s, wait) && known == "" {
			a.look(ctx, &s) // it moved on meanwhile
		}
	}
	tag := s.etag()
	if known != "" && matches(known, tag) {
		return GetOrder304Response{Headers: GetOrder304ResponseHeaders{
			ETag: &tag, LastModified: s.lastModified(), Age: s.age(), PreferenceApplied: applied,
		}}, nil
	}
	return GetOrder200JSONResponse{Body: s.show(), Headers: GetOrder200ResponseHeaders{
		ETag: &tag, LastModified: s.lastModified(), Age: s.age(), PreferenceApplied: applied,
	}}, nil
}

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
