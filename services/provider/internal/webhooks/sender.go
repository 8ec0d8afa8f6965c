// Package webhooks tells a receiver what the provider did: every line of the ledger, signed, in order, again and again
// until it says 2xx. What is not delivered yet needs no queue: it is what the ledger holds behind the cursor.
package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Source is the ledger; *api.Store.
type Source interface {
	Size() int64
	Lines(from int64, limit int) ([]byte, error)
}

// Config of a Sender. URLs and Secrets are required.
type Config struct {
	URLs    []string      // of one receiver's replicas: after a failure the next is tried
	Secrets []string      // signed with each, so that a receiver that knows one of them is satisfied
	Every   time.Duration // how long lines gather; also the first pause after a failure, which doubles. Default 100 ms.
	Folder  string        // where the cursor is kept
}

const (
	mostBytes    = 256 << 10 // of lines in one delivery
	longestPause = time.Minute
	timeout      = 10 * time.Second
)

// Sender delivers the ledger's lines to one receiver.
type Sender struct {
	source  Source
	config  Config
	client  *http.Client
	log     *slog.Logger
	metrics *metrics
	cursor  cursor
	at      int // the URL in turn
}

// New returns a sender that goes on where the last one ended. The first one ever begins at the end of the ledger: what
// happened before there was a receiver is not its business.
func New(source Source, registry *prometheus.Registry, log *slog.Logger, c Config) (*Sender, error) {
	if c.Every <= 0 {
		c.Every = 100 * time.Millisecond
	}
	for _, u := range c.URLs {
		if p, err := url.Parse(u); err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https" {
			return nil, errors.New("webhooks go to http or https URLs")
		}
	}
	if len(c.URLs) == 0 || len(c.Secrets) == 0 {
		return nil, errors.New("webhooks need a URL and a secret")
	}
	s := &Sender{
		source: source, config: c, log: log,
		client: &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}},
		cursor: cursor{path: filepath.Join(c.Folder, "webhooks.cursor")},
	}
	if err := s.cursor.open(source.Size()); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(registry, s.backlog)
	return s, nil
}

// backlog is how many bytes are behind the cursor.
func (s *Sender) backlog() int64 { return s.source.Size() - s.cursor.at.Load() }

// Run delivers until ctx ends, once.
func (s *Sender) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	defer s.cursor.file.Close() //nolint:errcheck // nothing is lost with it
	timer := time.NewTimer(s.config.Every)
	defer timer.Stop()
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := s.deliver(ctx)
		switch {
		case err == nil && failures > 0:
			s.log.Info("webhooks are delivered again", "failures", failures)
			failures = 0
		case err != nil && ctx.Err() == nil:
			if failures++; failures == 1 {
				s.log.Warn("a webhook was not delivered; trying again", "error", err)
			}
			s.at = (s.at + 1) % len(s.config.URLs)
		}
		timer.Reset(s.pause(failures))
	}
}

// pause doubles with the failures, spread over half.
func (s *Sender) pause(failures int) time.Duration {
	if failures == 0 {
		return s.config.Every
	}
	wait := min(longestPause, s.config.Every<<min(failures, 16))
	return wait/2 + rand.N(wait/2)
}

// deliver sends what is behind the cursor, in one piece after the other, and moves the cursor over what was taken.
func (s *Sender) deliver(ctx context.Context) error {
	for {
		lines, err := s.source.Lines(s.cursor.at.Load(), mostBytes)
		if err != nil || len(lines) == 0 {
			return err
		}
		if err := s.post(ctx, body(lines)); err != nil {
			return err
		}
		s.metrics.entries.Add(float64(bytes.Count(lines, []byte{'\n'})))
		if err := s.cursor.move(s.cursor.at.Load() + int64(len(lines))); err != nil {
			return err
		}
	}
}

// body makes the lines, which are JSON objects, one JSON document.
func body(lines []byte) []byte {
	const begin, end = `{"items":[`, "]}\n"
	out := make([]byte, 0, len(begin)+len(lines)+len(end))
	out = append(append(out, begin...), lines[:len(lines)-1]...)
	for i := len(begin); i < len(out); i++ {
		if out[i] == '\n' { // inside a line it is escaped
			out[i] = ','
		}
	}
	return append(out, end...)
}

func (s *Sender) post(ctx context.Context, data []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URLs[s.at], bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(SignatureHeader, Sign(s.config.Secrets, time.Now(), data))
	answer, err := s.client.Do(r)
	if err != nil {
		s.metrics.sent.WithLabelValues("unanswered").Inc()
		return fmt.Errorf("webhook: %w", err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		s.metrics.sent.WithLabelValues("unanswered").Inc()
		return fmt.Errorf("webhook: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		s.metrics.sent.WithLabelValues("refused").Inc()
		return fmt.Errorf("webhook: the receiver answered %d", answer.StatusCode)
	}
	s.metrics.sent.WithLabelValues("delivered").Inc()
	return nil
}
