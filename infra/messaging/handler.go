package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Handler is the middle of a machine. S is all that one batch touches, so that rows shared by many keys fit in.
//
// One batch is one transaction: Load, then Decide for each message in log order, then Save.
type Handler[S any] interface {
	// Load reads and locks everything the messages touch, one statement a table, always in primary-key order
	// (SELECT … ORDER BY key FOR UPDATE), entities before rows that many entities share.
	Load(ctx context.Context, tx pgx.Tx, in []Message) (S, error)
	// Decide is pure: it changes only s and returns what to send. On an error, which is permanent, it must leave s as it
	// was: the message becomes a dead letter (a submitted input: Submit returns the error). A refusal is a message, not
	// an error.
	Decide(s S, in Message, now time.Time) ([]Message, error)
	// Save writes only what changed, one statement a table.
	Save(ctx context.Context, tx pgx.Tx, s S) error
	// Committed runs after COMMIT and must not block. It may be lost with the process: what matters is in the database.
	Committed(s S)
}

// Timed is a Handler whose entities have deadlines, stored beside the entity with its partition. The owner of a partition
// fires them, after the messages of a batch, and never while answers may still be unread in the log.
type Timed interface {
	// Due returns one input for each entity of the partitions whose deadline is not after the given time of its partition
	// (at most limit, oldest first). It changes no entity: the inputs go through Load and Decide in a transaction that
	// follows, where Decide finds out whether they are still due. Each must have a Subject and a Body. Subjects that wait behind a
	// dead letter (dead_letter_heads) are not fired; Due leaves them out where they could use up the limit.
	Due(ctx context.Context, tx pgx.Tx, until map[int32]time.Time, limit int) ([]Message, error)
	// Redriven returns the body of the input that is decided last in the transaction in which an operator frees a key from its
	// dead letters: the deadline starts anew, for time behind a dead letter does not count. Nil: nothing does.
	Redriven() any
	// Defer moves every pending deadline of the partition later by d: for that long the partition made no progress, and
	// that time does not count.
	Defer(ctx context.Context, tx pgx.Tx, partition int32, d time.Duration) error
}

// Codec ties bodies to wire types and topics. contracts.Registry satisfies it.
type Codec interface {
	// Encode returns the wire type, topic (without prefix) and value of a body.
	Encode(body any) (wireType, topic string, data []byte, err error)
	// Decode returns the body of a value, in the newest version of its type.
	Decode(wireType string, data []byte) (any, error)
	// Known tells whether any version of the type's name exists.
	Known(wireType string) bool
}

// Subjected is a body that names its subject, too, as handlers may read it: a record whose key is another one is set aside, and
// no edit makes it so. Else a message in one subject's order could do something to another.
type Subjected interface{ Subject() uuid.UUID }

// Unhandled is the error of a Decide for a message that is none of its business: a dead letter.
func Unhandled(in Message) error {
	return fmt.Errorf("no handler for %q (%T) of %s", in.Type, in.Body, in.Subject)
}

// Subjects returns the distinct subjects of the messages, sorted, as Load wants them.
func Subjects(in []Message) []uuid.UUID {
	seen := make(map[uuid.UUID]struct{}, len(in))
	out := make([]uuid.UUID, 0, len(in))
	for i := range in {
		if _, ok := seen[in[i].Subject]; !ok {
			seen[in[i].Subject] = struct{}{}
			out = append(out, in[i].Subject)
		}
	}
	sortUUIDs(out)
	return out
}
