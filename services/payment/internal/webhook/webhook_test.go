package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/sandbox"
	"ordersaga.internal/services/payment/internal/webhook"
)

const (
	current = "the-current-secret"
	next    = "the-next-secret-of-all"
)

var body = []byte(`{"items":[]}`)

func mac(secret string, at time.Time, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(fmt.Appendf(nil, "%d.%s", at.Unix(), body))
	return hex.EncodeToString(m.Sum(nil))
}

func header(at time.Time, signatures ...string) string {
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), strings.Join(signatures, ",v1="))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	good := mac(current, now, body)
	for _, c := range []struct {
		name    string
		header  string
		secrets []string
		holds   bool
	}{
		{"signed", header(now, good), []string{current}, true},
		{"by either secret while it changes", header(now, good), []string{next, current}, true},
		{"by both of the sender's", header(now, mac(next, now, body), good), []string{current}, true},
		{"with another scheme beside", header(now, good) + ",v0=00", []string{current}, true},
		{"with spaces", strings.ReplaceAll(header(now, good), ",", ", "), []string{current}, true},
		{"by nobody we know", header(now, good), []string{next}, false},
		{"no secret", header(now, good), nil, false},
		{"another body's", header(now, mac(current, now, []byte("x"))), []string{current}, false},
		{"another time's", header(now.Add(time.Second), good), []string{current}, false},
		{"just in time", header(now.Add(-webhook.Tolerance), mac(current, now.Add(-webhook.Tolerance), body)), []string{current}, true},
		{"too old", header(now.Add(-webhook.Tolerance-time.Second), mac(current, now.Add(-webhook.Tolerance-time.Second), body)), []string{current}, false},
		{"of the future", header(now.Add(webhook.Tolerance+time.Second), mac(current, now.Add(webhook.Tolerance+time.Second), body)), []string{current}, false},
		{"only under another scheme", strings.ReplaceAll(header(now, good), "v1", "v0"), []string{current}, false},
		{"half a signature", header(now, good[:32]), []string{current}, false},
		{"not hexadecimal", header(now, "zz"), []string{current}, false},
		{"no time", "v1=" + good, []string{current}, false},
		{"no number as time", "t=x,v1=" + good, []string{current}, false},
		{"no signature", fmt.Sprintf("t=%d", now.Unix()), []string{current}, false},
		{"nothing", "", []string{current}, false},
		{"the right one behind many", header(now, append(slices.Repeat([]string{mac(next, now, body)}, 100), good)...), []string{current}, false},
	} {
		err := webhook.Verify(c.secrets, c.header, body, now)
		if c.holds != (err == nil) || err != nil && !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// post sends a body with a signature of now to a handler behind the real server's limits.
func post(t *testing.T, take func(context.Context, []payments.Hint) error, method string, body []byte, signature string) int {
	t.Helper()
	handler, err := webhook.New(webhook.Config{
		Format: sandbox.Webhooks(), Secrets: []string{current, next}, Take: take,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := httpserver.NewServer(httpserver.Config{
		Addr: "127.0.0.1:0", Telemetry: telemetry.Telemetry{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()},
	}, handler)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+server.Addr()+webhook.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Webhook-Signature", signature)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	order := uuid.New()
	report := fmt.Appendf(nil, `{"items":[
		{"operation":"authorize","outcome":"succeeded","key":"k1","reference":%q,"amount_minor":5},
		{"operation":"authorize","outcome":"refused","key":"k2","reference":%q,"amount_minor":5},
		{"operation":"void","outcome":"succeeded","key":"k3","reference":%q,"amount_minor":0},
		{"operation":"expire","outcome":"succeeded","reference":%q,"amount_minor":5},
		{"operation":"authorize","outcome":"succeeded","key":"k4","reference":"not ours","amount_minor":5}]}`,
		order, order, order, order)
	large := bytes.Repeat([]byte("x"), httpserver.DefaultBodyLimit+1)
	for _, c := range []struct {
		name      string
		method    string
		body      []byte
		signature func(body []byte) string
		err       error
		want      int
		hints     []payments.Hint
	}{
		{name: "what succeeded is handed on", body: report, want: 204, hints: []payments.Hint{{Order: order, Key: "k1"}}},
		{name: "nothing", body: body, want: 204, hints: []payments.Hint{}},
		{name: "it has to come again", body: report, err: errors.New("no database"), want: 503, hints: []payments.Hint{{Order: order, Key: "k1"}}},
		{name: "no JSON", body: []byte("{"), want: 400},
		{name: "too large", body: large, want: 413},
		{name: "not signed", body: report, signature: func([]byte) string { return "" }, want: 401},
		{name: "signed by another", body: report, signature: func(b []byte) string {
			return header(time.Now(), mac("somebody-elses-secret", time.Now(), b))
		}, want: 401},
		{name: "read", method: http.MethodGet, want: 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.method == "" {
				c.method = http.MethodPost
			}
			if c.signature == nil {
				c.signature = func(b []byte) string { return header(time.Now(), mac(current, time.Now(), b)) }
			}
			var got []payments.Hint
			status := post(t, func(_ context.Context, h []payments.Hint) error { got = h; return c.err }, c.method, c.body, c.signature(c.body))
			if status != c.want || !slices.Equal(got, c.hints) {
				t.Errorf("answered %d and handed on %+v, want %d and %+v", status, got, c.want, c.hints)
			}
		})
	}
}
