package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/program"
)

// ErrNotFound says that the program knows no such thing.
var ErrNotFound = errors.New("not found")

// Client speaks to one program.
type Client struct {
	Program string // "payment"
	Addr    string // host:port, or a URL
	Token   string
	Flag    string // that sets Addr, for errors that say what to do

	HTTP *http.Client // default: one that waits 6 s
}

const (
	patience = 6 * time.Second // programs give up on their databases after five
	tries    = 3
	pause    = 300 * time.Millisecond // before the second try; then twice as long
)

var shared = &http.Client{Timeout: patience}

// Get reads what is at path, which has its query.
func (c Client) Get(ctx context.Context, path string, out any) error {
	return c.insist(ctx, http.MethodGet, path, "", nil, out)
}

// Wish asks for a change under a new idempotency key. Where no answer comes, or none yet, it asks again under the same key, so that
// the wish has one effect.
func (c Client) Wish(ctx context.Context, path string, body, out any) error {
	return c.WishAs(ctx, path, NewKey(), body, out)
}

// NewKey returns an idempotency key that nobody has used.
func NewKey() string { return "orderctl-" + uuid.NewString() }

// WishAs is Wish under a key of the caller's, for wishes that go on when they come again.
func (c Client) WishAs(ctx context.Context, path, key string, body, out any) error {
	return c.insist(ctx, http.MethodPost, path, key, body, out)
}

// insist asks until there is an answer, some times. It asks again only what may be asked twice.
func (c Client) insist(ctx context.Context, method, path, key string, body, out any) error {
	wait := pause
	for try := 1; ; try++ {
		err := c.ask(ctx, method, path, key, body, out)
		if err == nil || try == tries || !errors.Is(err, program.ErrNotReachable) || method == http.MethodGet && late(err) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
			wait *= 2
		}
	}
}

func (c Client) ask(ctx context.Context, method, path, key string, body, out any) error {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		sent = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base()+path, sent)
	if err != nil {
		return program.Usage(fmt.Errorf("address of %s (%s): %w", c.Program, c.Flag, err))
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	client := c.HTTP
	if client == nil {
		client = shared
	}
	resp, err := client.Do(r)
	if err != nil {
		return c.away(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return c.away(ctx, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return c.refusal(resp.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s at %s answers what this orderctl does not read (is it of the same release?): %w", c.Program, c.Addr, err)
	}
	return nil
}

// late tells that the time for an answer ended: who is asked to show something will be as slow the next time.
func late(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (c Client) base() string {
	if strings.Contains(c.Addr, "://") {
		return strings.TrimSuffix(c.Addr, "/")
	}
	return "http://" + c.Addr
}

func (c Client) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var inner *url.Error
	if errors.As(err, &inner) { // its text repeats the address
		err = inner.Err
	}
	return program.NotReachable(fmt.Errorf("%s does not answer at %s: %w; does it run, and is %s right?", c.Program, c.Addr, err, c.Flag))
}

// refusal is what a program says no with, and what to do about it.
func (c Client) refusal(status int, raw []byte) error {
	var p httpserver.Problem
	if err := json.Unmarshal(raw, &p); err != nil || p.Title == "" {
		return fmt.Errorf("%s at %s answers %d %s: %s is not an address of it", c.Program, c.Addr, status, http.StatusText(status), c.Flag)
	}
	said := p.Title
	if p.Detail != "" {
		said = p.Detail
	}
	for _, e := range p.Errors {
		said += fmt.Sprintf("; %s: %s", e.Pointer, e.Detail)
	}
	switch status {
	case http.StatusUnauthorized:
		return program.Usage(fmt.Errorf("%s takes no request without a token that holds (%s): give --token or ORDERCTL_TOKEN; for the local stack scripts/orderctl makes one",
			c.Program, said))
	case http.StatusForbidden:
		return program.Usage(fmt.Errorf("%s: the token lacks the role operator", c.Program))
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s: %s", ErrNotFound, c.Program, said)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return program.Usage(fmt.Errorf("%s: %s", c.Program, said))
	case http.StatusServiceUnavailable:
		return program.NotReachable(fmt.Errorf("%s cannot serve now: %s", c.Program, said))
	}
	return fmt.Errorf("%s: %s: %s", c.Program, p.Title, said)
}
