package messaging

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
)

type commandTag = pgconn.CommandTag

// decideError is what a handler's Decide returned: permanent, and S is as it was.
type decideError struct{ error }

func (e decideError) Unwrap() error { return e.error }

func (m *Machine[S]) now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (m *Machine[S]) partition(subject uuid.UUID) int32 {
	return kafka.Partition([]byte(subject.String()), m.cfg.Partitions)
}

func (m *Machine[S]) load(ctx context.Context, tx pgx.Tx, in []Message) (s S, err error) {
	defer recovered("load", &err)
	s, err = m.handler.Load(ctx, tx, in)
	return s, blame("load", err)
}

func (m *Machine[S]) save(ctx context.Context, tx pgx.Tx, s S) (err error) {
	defer recovered("save", &err)
	return blame("save", m.handler.Save(ctx, tx, s))
}

// decide returns what to send, complete. Errors: decideError; blamed where S may have changed all the same.
func (m *Machine[S]) decide(s S, in *Message, now time.Time) (out []Message, err error) {
	defer recovered("decide", &err)
	end := startProcess(m.deps.Tracer, m.cfg.Service, in)
	defer func() { end(err) }()
	if out, err = m.handler.Decide(s, *in, now); err != nil {
		return nil, decideError{err}
	}
	for i := range out {
		if err := fill(m.deps.Codec, m.source, in, &out[i], now); err != nil {
			return nil, blamed{err}
		}
		if out[i].Subject == in.Subject {
			out[i].Partition = in.Partition
		} else {
			out[i].Partition = m.partition(out[i].Subject)
		}
	}
	return out, nil
}

// recovered makes a panic an error that some message caused: one poisonous message must not stop the process again and
// again.
func recovered(doing string, err *error) {
	if p := recover(); p != nil {
		*err = blamed{fmt.Errorf("%s: panic: %v\n%s", doing, p, debug.Stack())}
	}
}

// readRecord reads the envelope and the body of a record and tells what is to be done with it.
func (m *Machine[S]) readRecord(p *position, r *kgo.Record) item {
	it := item{p: p, rec: r, fate: handled}
	if r.Attrs.IsControl() {
		it.fate = skipped
		return it
	}
	var err error
	it.msg, err = fromRecord(m.cfg.TopicPrefix, r)
	switch {
	case errors.Is(err, errNoSubject):
		it.msg.Subject = uuid.Nil
		it.fate, it.reason, it.err = dead, reasonBadKey, err
		return it
	case err != nil:
		it.fate, it.reason, it.err = dead, reasonUnreadable, err
		return it
	case r.Value == nil:
		it.fate, it.reason, it.err = dead, reasonNullValue, errors.New("the value is null")
		return it
	}
	it.msg.Body, err = m.deps.Codec.Decode(it.msg.Type, r.Value)
	if err == nil {
		return it
	}
	switch known := m.deps.Codec.Known(it.msg.Type); {
	case known: // an unknown version, or JSON that does not fit
		it.fate, it.reason, it.err = dead, reasonUnreadable, err
	case strings.HasSuffix(p.topic, ".commands"):
		it.fate, it.reason, it.err = dead, reasonUnknownType, err
	default: // an event that is none of our business
		it.fate = skipped
	}
	return it
}

// allHit fails with errLost where not every position was hit.
func allHit(want int) func(commandTag) error {
	return func(tag commandTag) error {
		if tag.RowsAffected() != int64(want) {
			return fmt.Errorf("%w: %d of %d as expected", errLost, tag.RowsAffected(), want)
		}
		return nil
	}
}
