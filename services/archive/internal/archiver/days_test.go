package archiver_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/store"
)

// days produces n records of each day before today, to one partition, the first of them that many days ago; those of two
// days come in turns, as around midnight on clocks that differ.
func (l *lake) days(n int, ago ...int) {
	l.Helper()
	for _, days := range ago {
		for i := range n {
			r := l.record("order.events", 0, fmt.Sprint("day-", days), fmt.Sprint(i))
			r.Timestamp = store.Day(time.Now()).AddDate(0, 0, -days).Add(time.Duration(i) * time.Millisecond)
			l.produce(r)
		}
	}
}

func (l *lake) partitionsOfDays() int { return l.count(`SELECT count(*) FROM day_partitions`) }

func TestDaysComeAndGoAsPartitions(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		l := newLake(t, b)
		l.createTime("order.events")
		l.days(4, 40, 39, 40, 39, 3, 1, 0) // late records: of days that have no partition
		stop := l.start("1", 3)
		l.holds()
		require.Equal(t, 5, l.partitionsOfDays())
		require.Equal(t, 8, l.count(`SELECT count(*) FROM `+pgx.Identifier{"record_" + time.Now().UTC().AddDate(0, 0, -40).Format("2006_01_02")}.Sanitize()))

		retire := func(keep int) []time.Time {
			owner, err := pgx.Connect(t.Context(), l.owner.URL)
			require.NoError(t, err)
			defer owner.Close(t.Context())
			days, err := store.Retain(t.Context(), owner, store.Day(time.Now()).AddDate(0, 0, -keep))
			require.NoError(t, err)
			return days
		}
		require.Len(t, retire(39), 1)
		require.Empty(t, retire(39))
		require.Equal(t, 4, l.partitionsOfDays())
		r := l.holds()
		require.EqualValues(t, 8, r.Retired, "the other days still prove each other")
		require.EqualValues(t, 20, r.Compared, "Kafka still holds what was given up")

		l.days(2, 40, 0) // a day that was given up gets one more record
		l.holds()
		stop()
		l.forget("order.events", 0, 10)
		l.holds()
		require.Len(t, retire(0), 4)
		require.Equal(t, 1, l.partitionsOfDays())
		l.start("1", 3)
		l.days(1, 0)
		l.holds()
	})
}

// Partitions of days that do not exist yet are made while others write and read.
func TestTheRunRoleMakesDaysAndNothingElse(t *testing.T) {
	t.Parallel()
	l := newLake(t, testkit.Kafka(t))
	today := store.Day(time.Now())
	for range 2 {
		require.NoError(t, store.MakeDays(t.Context(), l.run, []time.Time{today, today.AddDate(0, 0, 1)}))
	}
	require.Equal(t, 2, l.partitionsOfDays())
	l.many(0, 60)
	l.start("1", 5)
	l.holds()
	day := pgx.Identifier{"record_" + today.Format("2006_01_02")}.Sanitize()
	for _, sql := range []string{
		`UPDATE record SET key = NULL`, `DELETE FROM record`, `TRUNCATE record`, `INSERT INTO record SELECT * FROM record ON CONFLICT (stream, "offset", appended_at) DO UPDATE SET key = NULL`,
		`UPDATE ` + day + ` SET key = NULL`, `DELETE FROM ` + day, `TRUNCATE ` + day,
		`UPDATE checkpoint SET chain = chain`, `DELETE FROM checkpoint`, `TRUNCATE checkpoint`,
		`INSERT INTO retired (day) VALUES ('2020-01-01')`, `UPDATE retired SET day = day`, `DELETE FROM retired`, `TRUNCATE retired`,
		`DELETE FROM stream`, `TRUNCATE stream`, `UPDATE stream SET topic = 'x'`, `UPDATE stream SET begins = 0`,
		`SELECT * FROM ` + day, `DROP TABLE ` + day, `ALTER TABLE record DETACH PARTITION ` + day, `ALTER TABLE record DISABLE TRIGGER ALL`,
	} {
		refused(t, l.run, sql, "") // by its rights: it need not even meet the triggers
	}
	for _, sql := range []string{ // the owner too, who is a superuser here
		`UPDATE record SET key = NULL`, `DELETE FROM record`, `TRUNCATE record`,
		`INSERT INTO record SELECT * FROM record ON CONFLICT (stream, "offset", appended_at) DO UPDATE SET key = NULL`,
		`UPDATE ` + day + ` SET key = NULL`, `DELETE FROM ` + day, `TRUNCATE ` + day,
		`UPDATE checkpoint SET chain = chain`, `DELETE FROM checkpoint`, `TRUNCATE checkpoint`,
		`UPDATE retired SET day = day`, `DELETE FROM retired`, `TRUNCATE retired`, `DELETE FROM stream`, `TRUNCATE stream`,
	} {
		refused(t, l.owner.Pool, sql, "the archive only grows")
	}
	l.holds()
}

func refused(t *testing.T, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, sql, why string,
) {
	t.Helper()
	_, err := db.Exec(t.Context(), sql)
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg, sql)
	require.Equal(t, "42501", pg.Code, sql)
	if why == "" {
		require.NotContains(t, pg.Message, "the archive only grows", sql)
	}
	require.Contains(t, pg.Message, why, sql)
}
