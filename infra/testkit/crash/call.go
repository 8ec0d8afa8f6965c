package crash

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
)

// Call passes one round trip of any other port: do is what reaches the outside. Its context ends with the incarnation; what
// do returns is not seen by one that is dead.
func (p *Ports) Call(ctx context.Context, kind string, do func(ctx context.Context) error) error {
	h, err := p.pass(kind)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.Dead, cancel)()
	err = do(ctx)
	if p.Dead.Err() != nil {
		return errReset
	}
	if h != nil { // it is over, if only with an error
		p.answered(h)
		return errReset
	}
	return err
}

// Transport passes HTTP requests, in or out. An answer comes whole or not at all.
func (p *Ports) Transport(base http.RoundTripper) http.RoundTripper { return transport{p, base} }

type transport struct {
	ports *Ports
	base  http.RoundTripper
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	kind := "http " + r.Method + " " + uuids.ReplaceAllString(r.URL.Path, "{id}")
	err = t.ports.Call(r.Context(), kind, func(ctx context.Context) (err error) {
		answer, err = whole(t.base.RoundTrip(r.WithContext(ctx))) //nolint:bodyclose // the caller closes it
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// whole returns an answer with its body read.
func whole(answer *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, err
}
