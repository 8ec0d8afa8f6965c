package program

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
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
// root a connection could not be made, or broke.
func exitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrUsage):
		return ExitUsage
	case errors.Is(err, ErrNotReachable), away(err):
		return ExitNotReachable
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitFailed
}

// Usage marks err as an ErrUsage without changing its text; nil stays nil.
func Usage(err error) error { return mark(err, ErrUsage) }

// away tells errors of a server that is not there, or went away while it was asked: to be started again is all the program
// needs.
func away(err error) bool {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var op *net.OpError
	switch {
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P") // connection; shutting down or starting
	case errors.As(err, &connect):
		return true
	case errors.As(err, &op):
		return op.Op != "listen" // our own port
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
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
