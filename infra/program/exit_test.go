package program

import (
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"ordersaga.internal/infra/postgres"
)

// A database that goes away while a program starts is not reachable, as one that was never there; a wrong schema is not.
func TestADatabaseThatGoesAwayIsNotReachable(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		&net.OpError{Op: "read", Err: syscall.ECONNRESET}: ExitNotReachable,
		&pgconn.PgError{Code: "57P01"}:                    ExitNotReachable,
		postgres.ErrNotMigrated:                           ExitFailed,
		&pgconn.PgError{Code: "42501"}:                    ExitFailed,
	} {
		if code := exitCode(gone(fmt.Errorf("look for goose: %w", err))); code != want {
			t.Errorf("%v: exit code %d, want %d", err, code, want)
		}
	}
}
