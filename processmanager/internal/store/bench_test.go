package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// BenchmarkLife moves orders through their life, a batch of 500 at a time: an insert, four heap-only updates, the last one,
// and six lines of history. It reports CPU microseconds an order, of the client and of its backend, and the share of
// heap-only updates.
func BenchmarkLife(b *testing.B) {
	db, pool := open(b)
	s := store.New(saga.NewSet(fulfilment.V1), 50_000)
	written := wal(b, pool)
	orders, client, server := 0, clientCPU(b), serverCPU(b, pool)
	for b.Loop() {
		life(b, func(do func(ctx context.Context, tx pgx.Tx) error) { in(b, pool, do) }, s)
		orders += 500
	}
	b.ReportMetric(float64((clientCPU(b)-client).Microseconds())/float64(orders), "client-µs/order")
	b.ReportMetric(float64((serverCPU(b, pool)-server).Microseconds())/float64(orders), "server-µs/order")
	b.ReportMetric((wal(b, pool)-written)/float64(orders), "WAL-bytes/order")
	if _, err := pool.Exec(b.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
		b.Fatal(err)
	}
	var hot, all float64
	err := db.Pool.QueryRow(b.Context(), `SELECT coalesce(sum(n_tup_hot_upd), 0), coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables
		WHERE schemaname = $1 AND relname LIKE 'instance%'`, db.Schema).Scan(&hot, &all)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(hot/max(all, 1), "hot/update")
}

func life(b *testing.B, in func(func(ctx context.Context, tx pgx.Tx) error), s *store.Store) {
	b.Helper()
	batch := records(500)
	in(func(ctx context.Context, tx pgx.Tx) error {
		return s.Save(ctx, tx, batch, nil, entries(batch, "OrderPlaced.v1"))
	})
	s.Committed(batch, nil)
	for step := range 5 {
		in(func(ctx context.Context, tx pgx.Tx) error {
			locked, err := s.Lock(ctx, tx, ids(batch))
			if err != nil {
				return err
			}
			for _, r := range locked {
				r.Transitions++
				r.Sequence++
				r.UpdatedAt = time.Now()
				r.Steps = append(r.Steps, saga.Progress{Step: "authorize payment", Outcome: saga.Open, Answered: 1})
				r.Outstanding.ResendAt, r.Outstanding.Deadline = r.UpdatedAt.Add(10*time.Second), r.UpdatedAt.Add(time.Minute)
				if step == 4 {
					r.State, r.Outstanding, r.FinishedAt = saga.Completed, nil, time.Now()
				}
			}
			if err := s.Save(ctx, tx, nil, locked, entries(locked, "StockReserved.v1")); err != nil {
				return err
			}
			s.Committed(nil, locked)
			return nil
		})
	}
}

func wal(b *testing.B, pool *pgxpool.Pool) (bytes float64) {
	b.Helper()
	if err := pool.QueryRow(b.Context(), `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`).Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	return bytes
}

func clientCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverCPU is that of the one backend that a sequential benchmark has, in steps of 10 ms.
func serverCPU(b *testing.B, pool *pgxpool.Pool) time.Duration {
	b.Helper()
	var pid int
	if err := pool.QueryRow(b.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks*10) * time.Millisecond
}
