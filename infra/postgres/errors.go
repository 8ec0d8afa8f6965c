package postgres

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// IsTransient tells whether the same transaction may well succeed when it is simply run again: the connection failed or
// was never made, the server is stopping, starting or has failed over, rows were contended (serialization, deadlock,
// unique violation), or a resource is full. After such an error of COMMIT the effect is unknown. A cancelled context is
// not transient.
//
// Codes: PostgreSQL documentation, appendix A.
func IsTransient(err error) bool {
	if err == nil {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return transientCode(pg.Code)
	}
	var (
		connect *pgconn.ConnectError
		network net.Error
	)
	switch {
	case errors.As(err, &connect), errors.As(err, &network):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	case errors.Is(err, pgx.ErrTxClosed):
		return false // a mistake in the program, whatever pgconn thinks
	}
	return pgconn.SafeToRetry(err) // "conn closed", "conn busy": nothing was sent
}

func transientCode(code string) bool {
	switch {
	case strings.HasPrefix(code, "08"), // connection exception
		strings.HasPrefix(code, "40"),  // transaction rolled back: serialization, deadlock
		strings.HasPrefix(code, "53"),  // insufficient resources: disk full, too many connections
		strings.HasPrefix(code, "57P"), // admin shutdown, crash shutdown, cannot connect now
		strings.HasPrefix(code, "58"):  // system error: the device failed
		return true
	}
	switch code {
	case "23505", // unique violation: somebody else inserted the entity meanwhile
		"25006", // read-only transaction: failed over to a standby
		"25P03", // idle in transaction for too long: we were paused
		"55P03": // lock not available
		return true
	}
	return false
}
