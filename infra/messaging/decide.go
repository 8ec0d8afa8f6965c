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
	return s, ofBatch("load", err)
}

func (m *Machine[S]) save(ctx context.Context, tx pgx.Tx, s S) (err error) {
	defer recovered("save", &err)
	return ofBatch("save", m.handler.Save(ctx, tx, s))
}

// decide returns what to send, complete. Errors: decideError; unsendable and panicked, where S may have changed all the same.
func (m *Machine[S]) decide(s S, in *Message, now time.Time) (out []Message, err error) {
	defer recovered("decide", &err)
	end := startProcess(m.deps.Tracer, m.cfg.Service, in)
	defer func() { end(err) }()
	if out, err = m.handler.Decide(s, *in, now); err != nil {
		return nil, decideError{err}
	}
	for i := range out {
		if err := fill(m.deps.Codec, m.source, in, &out[i], now); err != nil {
			return nil, unsendable{err}
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
		*err = fmt.Errorf("%s: %w", doing, panicked{p, string(debug.Stack())})
	}
}

// readRecord reads the envelope and the body of a record and tells what is to be done with it.
func (m *Machine[S]) readRecord(p *position, r *kgo.Record) item {
	it := item{p: p, rec: r}
	f, err := m.inspect(r, &it.msg)
	it.fate, it.reason, it.err = flaws[f].fate, flaws[f].reason, err
	return it
}

// inspect decodes a record and tells what is wrong with it. The message holds what could be read.
func (m *Machine[S]) inspect(r *kgo.Record, in *Message) (flaw, error) {
	if r.Attrs.IsControl() {
		return controlRecord, nil
	}
	var err error
	*in, err = fromRecord(m.cfg.TopicPrefix, r)
	switch {
	case errors.Is(err, errNoSubject):
		in.Subject = uuid.Nil
		return noSubject, err
	case err != nil:
		return noEnvelope, err
	case len(r.Value) > maxData:
		return tooLarge, fmt.Errorf("the value has %d bytes", len(r.Value))
	case r.Value == nil:
		return nullValue, errors.New("the value is null")
	}
	if in.Body, err = m.deps.Codec.Decode(in.Type, r.Value); err == nil {
		if body, ok := in.Body.(Subjected); ok && body.Subject() != in.Subject {
			return otherSubject, fmt.Errorf("%s: the body is of %s, the key is %s", in.Type, body.Subject(), in.Subject)
		}
		return sound, nil
	}
	switch {
	case m.deps.Codec.Known(in.Type):
		return noVersion, err
	case strings.HasSuffix(in.Topic, ".commands"):
		return strangeCommand, err
	}
	return strangeEvent, nil // none of our business
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
