package messaging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"ordersaga.internal/infra/postgres"
)

// This file is the whole classification of what can be wrong: with a record, before the database is asked, and with a
// transaction. docs/what-becomes-of-errors.md is written from its two tables (TestClassesAreDocumented -update).

// flaw is what is wrong with a record.
type flaw int

const (
	sound flaw = iota
	controlRecord
	noSubject
	noEnvelope
	tooLarge
	nullValue
	noVersion
	otherSubject
	strangeCommand
	strangeEvent
)

// flaws is what becomes of each.
var flaws = [...]struct {
	what   string
	fate   outcome
	reason reason // of a dead letter
}{
	sound:          {"nothing", handled, ""},
	controlRecord:  {"a transaction's marker", skipped, ""},
	noSubject:      {"no key, a key that is no lower-case UUID, or another than `ce_subject`", dead, reasonBadKey},
	noEnvelope:     {"a header of the envelope is missing or malformed", dead, reasonUnreadable},
	tooLarge:       {fmt.Sprintf("a value of more than %d KiB, which none of ours has", maxData>>10), dead, reasonTooLarge},
	nullValue:      {"a null value", dead, reasonNullValue},
	noVersion:      {"an unknown version of a known type, or JSON that does not fit it", dead, reasonUnreadable},
	otherSubject:   {"a body that names another subject than its key", dead, reasonUnreadable},
	strangeCommand: {"an unknown type, on a topic of commands", dead, reasonUnknownType},
	strangeEvent:   {"an unknown type, on any other topic", skipped, ""},
}

// verdict is what becomes of a transaction that met an error.
type verdict int

const (
	retriable verdict = iota // tried again in place, with backoff, for as long as it takes
	contended                // tried again patientConflicts times, then poison: a race is over by then
	poison                   // the batch is taken apart until its message is alone, which is set aside
	fatal                    // as retriable, and loud: people are needed; no message is blamed
)

// patientConflicts is how often a unique violation is tried again: it is a race at first, and a message's fault when it
// never ends.
const patientConflicts = 8

// troubles is tried from the top; the last one is every error.
var troubles = []struct {
	what    string
	verdict verdict
	is      func(error) bool
}{
	{"`Decide` returned an error: it is pure, so it would again", poison, isA[decideError]},
	{"a panic in `Load`, `Decide` or `Save`: it must not stop the process again and again", poison, isA[panicked]},
	{"a message to send that no codec knows or no broker takes", poison, isA[unsendable]},
	{"unique violation (23505)", contended, isConflict},
	{"connection lost, server stopping, deadlock, serialization failure, lock timeout, disk or memory full (08, 40, 53, 57P, 58, 25006, 25P03, 55P03)",
		retriable, postgres.IsTransient},
	{"the time of one transaction ran out, or the statement was cancelled (57014)", retriable, isTimeout},
	{"a table, column, function, type or right is missing, the database or schema is gone, a login is refused (42P01, 42703, 42883, 42704, 42601, 42501, 28, 3D, 3F): " +
		"to blame messages would empty the log into the dead letters", fatal, isSchema},
	{"any other error of `Load`, `Save`, the outbox or COMMIT: of the data, such as a check that fails", poison, isA[ofMessages]},
	{"any other error, of BEGIN, the positions or the heads", retriable, func(error) bool { return true }},
}

// verdictOn sorts an error of a transaction.
func verdictOn(err error) verdict {
	for _, t := range troubles {
		if t.is(err) {
			return t.verdict
		}
	}
	return retriable
}

// ofMessages is an error of a handler's Load or Save, or of storing what it decided.
type ofMessages struct{ error }

func (e ofMessages) Unwrap() error { return e.error }

func ofBatch(doing string, err error) error {
	if err == nil {
		return nil
	}
	return ofMessages{fmt.Errorf("%s: %w", doing, err)}
}

// panicked is a panic in a handler.
type panicked struct {
	value any
	stack string
}

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// unsendable is a message that Decide returned and nobody could send. S may have changed all the same.
type unsendable struct{ error }

func (e unsendable) Unwrap() error { return e.error }

func isA[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || sqlState(err) == "57014"
}

func isConflict(err error) bool { return sqlState(err) == "23505" }

func isSchema(err error) bool {
	code := sqlState(err)
	return slices.Contains([]string{"42P01", "42703", "42883", "42704", "42601", "42501"}, code) ||
		strings.HasPrefix(code, "28") || strings.HasPrefix(code, "3D") || strings.HasPrefix(code, "3F")
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// classOf names the kind of an error for operators and alerts: an SQLSTATE, "panic", or the type of the innermost error.
func classOf(err error) string {
	if err == nil {
		return ""
	}
	if code := sqlState(err); code != "" {
		return "SQLSTATE " + code
	}
	if isA[panicked](err) {
		return "panic"
	}
	for {
		switch e := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				err = inner
				continue
			}
		case interface{ Unwrap() []error }:
			if inner := e.Unwrap(); len(inner) > 0 {
				err = inner[0]
				continue
			}
		}
		return fmt.Sprintf("%T", err)
	}
}

// stackOf is where a panic happened, "" for other errors.
func stackOf(err error) string {
	var p panicked
	if errors.As(err, &p) {
		return p.stack
	}
	return ""
}
