package why

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/tap"
)

// Sources are where evidence comes from.
type Sources struct {
	Order, Payment, Warehouse, Managers adminapi.Client
	Ledger                              *adminapi.Client // nil: the provider's ledger cannot be read
	Broker                              tap.Broker
}

// skew is how much the clocks of a program and of a broker may differ.
const skew = time.Minute

// Gather asks everybody. What does not answer is named in Away. Errors: ctx's; a refusal that concerns every question, such as a
// token that does not hold.
//
// Nothing stands still meanwhile, so the order of questions matters. Whatever a trail says was sent is looked for on the log after it;
// positions are read before what was done at them, and the outbox of the process manager after what it should hold.
func (s Sources) Gather(ctx context.Context, order uuid.UUID) (*Evidence, error) {
	e := &Evidence{Order: order, Trails: map[string]*trail.Trail{}, ReadAt: time.Now().UTC()}
	path := "/admin/v1/trails/" + order.String()
	for _, c := range []adminapi.Client{s.Order, s.Payment, s.Warehouse, s.Managers} {
		var t trail.Trail
		if err := c.Get(ctx, path, &t); err == nil {
			e.Trails[c.Program] = &t
		} else if err := e.missing(ctx, err); err != nil {
			return nil, err
		}
	}
	if t := e.Trails[managers]; t != nil {
		if err := s.instance(ctx, e, path, t); err != nil {
			return nil, err
		}
	}
	if s.Ledger != nil {
		entries, err := s.Ledger.Ledger(ctx, order)
		if e.Ledger, e.HasLedger = entries, err == nil; err != nil {
			if err := e.missing(ctx, err); err != nil {
				return nil, err
			}
		}
	}
	return e, s.log(ctx, e)
}

// instance reads what the process manager has, and its outbox again.
func (s Sources) instance(ctx context.Context, e *Evidence, path string, t *trail.Trail) error {
	var i manager.Instance
	err := s.Managers.Get(ctx, "/admin/v1/instances/"+e.Order.String(), &i)
	switch {
	case err == nil:
		e.Instance = &i
	case !errors.Is(err, adminapi.ErrNotFound):
		return e.missing(ctx, err)
	}
	var storms manager.StormPage
	if err := s.Managers.Get(ctx, "/admin/v1/storms?on=true&limit=200", &storms); err != nil {
		return e.missing(ctx, err)
	}
	e.Storms = storms.Items
	var after trail.Trail
	if err := s.Managers.Get(ctx, path, &after); err != nil {
		return e.missing(ctx, err)
	}
	t.Outbox = after.Outbox
	return nil
}

// log reads the order's partition of every topic from when it was placed.
func (s Sources) log(ctx context.Context, e *Evidence) error {
	seconds, nanos := e.Order.Time().UnixTime()
	spans, err := tap.Read(ctx, s.Broker, tap.Query{
		Topics: contracts.Topics(), Order: e.Order, From: tap.From{Time: time.Unix(seconds, nanos).Add(-skew)},
	}, func(r tap.Record) error {
		e.Messages = append(e.Messages, r)
		return nil
	})
	if err != nil {
		return e.missing(ctx, err)
	}
	tap.Sort(e.Messages)
	e.forgetPublished()
	e.Log = map[string]tap.Span{}
	for topic, partitions := range spans {
		e.Log[topic] = partitions[tap.PartitionOf(e.Order)]
	}
	return nil
}

// forgetPublished takes from the outboxes what was found on the log: it was published while we asked, or waits to be deleted.
func (e *Evidence) forgetPublished() {
	for _, t := range e.Trails {
		t.Outbox = slices.DeleteFunc(t.Outbox, func(row trail.OutboxRow) bool {
			return e.published(func(m *tap.Record) bool {
				return m.ID() == row.MessageId && (row.Attempt == nil || m.Attempt() == *row.Attempt)
			})
		})
	}
}

// missing notes that somebody did not answer. Wrong settings and an end of ctx concern every question.
func (e *Evidence) missing(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if fatal(err) {
		return fmt.Errorf("ask about the order: %w", err)
	}
	e.Away = append(e.Away, err.Error())
	return nil
}
