package load

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Tap reads topics from the beginning, or from now on, and calls see for each record, in one goroutine, until ctx ends.
// It is a reader like any other team's: it knows topics and headers, and is in no group.
func Tap(ctx context.Context, brokers string, topics []string, fromStart bool, see func(*kgo.Record)) (wait func() error, err error) {
	at := kgo.NewOffset().AtEnd()
	if fromStart {
		at = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(at),
		kgo.FetchMinBytes(1))
	if err != nil {
		return nil, fmt.Errorf("tap: %w", err)
	}
	if err := cl.Ping(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("tap: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		defer cl.Close()
		for {
			fetches := cl.PollFetches(ctx)
			if ctx.Err() != nil {
				done <- nil
				return
			}
			if err := fetches.Err0(); err != nil {
				done <- fmt.Errorf("tap: %w", err)
				return
			}
			fetches.EachRecord(see)
		}
	}()
	return func() error { return <-done }, nil
}

// Header of a record, "" where absent.
func Header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// Name is the record's message type without its version: "OrderPlaced".
func Name(r *kgo.Record) string {
	n, _, _ := strings.Cut(Header(r, "ce_type"), ".")
	return n
}
