package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// attemptTimeout bounds one transaction, well below the group's rebalance timeout: what waits longer for a lock or a disk
// gives up and tries again.
const attemptTimeout = 20 * time.Second

// transaction is the pgx.Tx that handlers see. Its BEGIN travels with the machine's first statements and its COMMIT with
// the machine's last: two round trips fewer than pgx's own. Only the machine ends it.
type transaction struct{ conn *pgx.Conn }

var errMachines = errors.New("the transaction is the machine's: handlers neither end nor nest it")

// inTransaction runs do between BEGIN and COMMIT. first are statements to send with BEGIN, before do; do returns
// statements to send with COMMIT. On any error nothing was committed, except that an error of the COMMIT itself leaves
// that unknown.
func inTransaction(ctx context.Context, pool *pgxpool.Pool, first *pgx.Batch, do func(tx pgx.Tx) (last *pgx.Batch, err error)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("database connection: %w", err)
	}
	defer conn.Release() // closes the connection where the transaction is still open
	done := false
	defer func() {
		if !done { // on a panic, too
			rollback(conn.Conn())
		}
	}()

	begin := &pgx.Batch{}
	begin.Queue("begin")
	begin.QueuedQueries = append(begin.QueuedQueries, first.QueuedQueries...)
	if err := conn.SendBatch(ctx, begin).Close(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	last, err := do(transaction{conn.Conn()})
	if err != nil {
		return err
	}
	committed := false
	last.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		committed = tag.String() == "COMMIT"
		return nil
	})
	if err := conn.SendBatch(ctx, last).Close(); err != nil {
		return ofBatch("store and commit", err)
	}
	done = true
	if !committed {
		return pgx.ErrTxCommitRollback
	}
	return nil
}

func rollback(conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		_ = conn.Close(ctx) // the server rolls back by itself
	}
}

func (t transaction) Begin(context.Context) (pgx.Tx, error) { return nil, errMachines }
func (t transaction) Commit(context.Context) error          { return errMachines }
func (t transaction) Rollback(context.Context) error        { return errMachines }
func (t transaction) LargeObjects() pgx.LargeObjects        { return pgx.LargeObjects{} }
func (t transaction) Conn() *pgx.Conn                       { return t.conn }

func (t transaction) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	return t.conn.CopyFrom(ctx, table, columns, src)
}

func (t transaction) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

func (t transaction) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return t.conn.Prepare(ctx, name, sql)
}

func (t transaction) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return t.conn.Exec(ctx, sql, args...)
}

func (t transaction) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, sql, args...)
}

func (t transaction) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, sql, args...)
}
