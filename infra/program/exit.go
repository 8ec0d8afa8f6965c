package program

import (
	"context"
	"errors"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"ordersaga.internal/infra/postgres"
)

// Exit codes of every program and command.
const (
	ExitOK           = 0   // it holds, or it was asked to stop and did
	ExitFailed       = 1   // it does not hold, or something broke
	ExitUsage        = 2   // command line or settings
	ExitNotReachable = 3   // a database, a broker or another program
	ExitInterrupted  = 130 // by Ctrl-C
)

// What errors wrap to choose the exit code.
var (
	// ErrUsage marks errors of the command line and the settings.
	ErrUsage = errors.New("usage")
	// ErrNotReachable marks errors of what a program needs and could not reach.
	ErrNotReachable = errors.New("not reachable")
)

// exitCode returns the exit code that an error stands for. Errors that nobody marked count as not reachable if at their
// root a connection could not be made.
func exitCode(err error) int {
	var connect *pgconn.ConnectError
	var op *net.OpError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrUsage):
		return ExitUsage
	case errors.Is(err, ErrNotReachable), errors.As(err, &connect), errors.As(err, &op) && op.Op == "dial":
		return ExitNotReachable
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitFailed
}

// Usage marks err as an ErrUsage without changing its text; nil stays nil.
func Usage(err error) error { return mark(err, ErrUsage) }

// gone marks an error of a database that went away while it was asked: to be started again is all the program needs.
func gone(err error) error {
	if postgres.IsTransient(err) {
		return NotReachable(err)
	}
	return err
}

// NotReachable marks err as an ErrNotReachable without changing its text; nil stays nil.
func NotReachable(err error) error { return mark(err, ErrNotReachable) }

func mark(err, as error) error {
	if err == nil {
		return nil
	}
	return marked{err, as}
}

type marked struct {
	error
	as error
}

func (m marked) Unwrap() []error { return []error{m.error, m.as} }
