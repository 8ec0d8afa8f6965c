package messages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
)

// Publishing says in which versions the service speaks: contracts/docs/versions.md.
type Publishing struct {
	PlacedVersion int       // of OrderPlaced: 1, or 2 when every consumer reads it
	CopyUntil     time.Time // until then everything is said on OrderEventsV1 too, in its first versions; zero: never
	Shipping      int64     // what every order pays beside its goods, in minor units of its currency; version 2 only
}

// Validate finds what cannot be said.
func (p Publishing) Validate() error {
	var errs []error
	if p.PlacedVersion != 1 && p.PlacedVersion != 2 {
		errs = append(errs, errors.New("ORDER_PLACED_VERSION must be 1 or 2"))
	}
	if p.Shipping < 0 || p.Shipping > 1_000_000 {
		errs = append(errs, errors.New("SHIPPING_FEE must be 0 to 1000000"))
	}
	if p.Shipping > 0 && p.PlacedVersion == 1 {
		errs = append(errs, errors.New("SHIPPING_FEE needs ORDER_PLACED_VERSION=2: version 1 promises that the total is the sum of the lines"))
	}
	return errors.Join(errs...)
}

// Copies tells whether OrderEventsV1 is filled at a time.
func (p Publishing) Copies(now time.Time) bool { return now.Before(p.CopyUntil) }

// Run says when the copies end, and that they have, until ctx ends.
func (p Publishing) Run(ctx context.Context, log *slog.Logger) error {
	if !p.CopyUntil.IsZero() {
		p.announce(ctx, log)
	}
	<-ctx.Done()
	return nil
}

func (p Publishing) announce(ctx context.Context, log *slog.Logger) {
	if wait := time.Until(p.CopyUntil); wait > 0 {
		log.InfoContext(ctx, "copies go to a compatibility topic", "topic", contracts.OrderEventsV1, "until", p.CopyUntil)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
	log.WarnContext(ctx, "the compatibility topic has reached its end date and is no longer filled: unset ORDER_EVENTS_V1_UNTIL, "+
		"and delete the topic when its last reader is gone", "topic", contracts.OrderEventsV1, "until", p.CopyUntil)
}

// placed is OrderPlaced in the version that is published.
func (p Publishing) placed(e contracts.OrderPlacedV2) contracts.Message {
	if p.PlacedVersion == 1 {
		return e.Downcast()
	}
	return e
}

// with returns the messages, each followed by its copy: the same message, id and sequence included, for those who know
// only its first version.
func (p Publishing) with(out []messaging.Message, now time.Time) []messaging.Message {
	if len(out) == 0 || !p.Copies(now) {
		return out
	}
	both := make([]messaging.Message, 0, 2*len(out))
	for _, m := range out {
		c := m
		if m.Data != nil { // an answer, as it was recorded: of those there is one version
			c.Topic = contracts.OrderEventsV1
		} else {
			c.Body = downcast{m.Body}
		}
		both = append(both, m, c)
	}
	return both
}

// downcast is a body whose first version goes to OrderEventsV1.
type downcast struct{ body any }

// Codec is the registry, which encodes copies too.
type Codec struct{ *contracts.Registry }

// Encode returns the wire type, topic and JSON of a body. Errors: contracts.ErrUnknownType.
func (c Codec) Encode(body any) (wireType, topic string, data []byte, err error) {
	d, ok := body.(downcast)
	if !ok {
		return c.Registry.Encode(body)
	}
	if e, ok := d.body.(contracts.OrderPlacedV2); ok {
		d.body = e.Downcast()
	}
	if wireType, _, data, err = c.Registry.Encode(d.body); err != nil {
		return "", "", nil, fmt.Errorf("copy: %w", err)
	}
	return wireType, contracts.OrderEventsV1, data, nil
}
