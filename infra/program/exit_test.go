package program

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"ordersaga.internal/infra/postgres"
)

// A server that goes away while a program starts is not reachable, as one that was never there; our own port that is
// taken, or a wrong schema, is something else.
func TestAServerThatGoesAwayIsNotReachable(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}: ExitNotReachable,
		&net.OpError{Op: "read", Err: syscall.ECONNRESET}:   ExitNotReachable,
		&net.OpError{Op: "listen", Err: syscall.EADDRINUSE}: ExitFailed,
		&pgconn.PgError{Code: "57P01"}:                      ExitNotReachable,
		io.ErrUnexpectedEOF:                                 ExitNotReachable,
		postgres.ErrNotMigrated:                             ExitFailed,
		&pgconn.PgError{Code: "42501"}:                      ExitFailed,
	} {
		if code := exitCode(fmt.Errorf("start: %w", err)); code != want {
			t.Errorf("%v: exit code %d, want %d", err, code, want)
		}
	}
}
