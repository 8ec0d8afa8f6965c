package messaging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ordersaga.internal/infra/postgres"
)

var (
	// errLost: the positions are not as this worker left them. Another took over, an operator rewound, or a COMMIT whose
	// answer was lost did happen.
	errLost = errors.New("positions moved without this worker")
	// errRebalance: the group waits for this worker, which waits for the database.
	errRebalance = errors.New("a rebalance waits")
)

// blamed is an error that one of the messages caused: the batch is halved until the culprit is found. Every other error
// is waited out, and loses nothing.
type blamed struct{ error }

func (e blamed) Unwrap() error { return e.error }

// blame sorts an error of a handler's Load or Save, or of storing what it decided.
func blame(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, err)
	if postgres.IsTransient(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || notOfAMessage(err) {
		return err
	}
	return blamed{err}
}

// notOfAMessage tells errors that every message would cause: a schema or a right that the program needs is missing. To
// blame messages would empty the log into the dead letters.
func notOfAMessage(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "42501", "42P01", "42703", "42883", "42704", "42601", "57014": // right, table, column, function, type, syntax; cancelled
		return true
	}
	return strings.HasPrefix(pg.Code, "28") || strings.HasPrefix(pg.Code, "3D") || strings.HasPrefix(pg.Code, "3F")
}

// patientConflicts is how often a unique violation is tried again: it is a race at first, and a message's fault when it
// never ends.
const patientConflicts = 8

func isConflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// backoff is how long to wait after so many failures: 20 ms doubling to 5 s, the upper half of it random.
func backoff(failures int) time.Duration {
	d := 20 * time.Millisecond << min(failures, 8)
	d = min(d, 5*time.Second)
	return d/2 + rand.N(d/2)
}

// pause waits out a backoff, or returns ctx's error.
func pause(ctx context.Context, failures int) error {
	t := time.NewTimer(backoff(failures))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// wait is pause, and ends with errRebalance when the group waits for this worker.
func (w *worker[S]) wait(ctx context.Context, failures int) error {
	t := time.NewTimer(backoff(failures))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.wanted:
		w.want() // for others who wait in this turn
		return errRebalance
	case <-t.C:
		return nil
	}
}
