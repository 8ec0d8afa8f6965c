package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Option changes the configuration of a pool before it opens.
type Option func(*pgxpool.Config)

// MaxConns bounds the pool. Default 10.
func MaxConns(n int32) Option { return func(c *pgxpool.Config) { c.MaxConns = n } }

// Traced makes a span of every query. Use it only where a span exporter is configured: it costs on every query.
func Traced() Option {
	return func(c *pgxpool.Config) {
		c.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithDisableSQLStatementInAttributes())
	}
}

// Open connects a pool to url, a postgres:// URL or keyword string, and asks the server once whether it is there. What
// the url says about settings holds over the defaults here. An error never shows the password.
func Open(ctx context.Context, url string, opts ...Option) (*pgxpool.Pool, error) {
	pool, err := Prepare(ctx, url, opts...)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		c := pool.Config().ConnConfig
		return nil, fmt.Errorf("reach PostgreSQL at %s:%d: %w", c.Host, c.Port, err)
	}
	return pool, nil
}

// Prepare is Open for what a program can do without: the server may be away.
func Prepare(ctx context.Context, url string, opts ...Option) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	c.MaxConns = 10
	c.MinIdleConns = 1
	c.ConnConfig.ConnectTimeout = 5 * time.Second
	defaults(c, map[string]string{
		"timezone": "UTC",
		// Compiling a plan costs more than any statement here takes; unnest's row estimates would trigger it.
		"jit": "off",
		// Every statement of the machine reaches rows by their key. Left alone, the planner remembers plans from when the
		// tables were fresh and small, and goes on scanning them whole: measured, 31 s instead of 0.4 s for the updates of
		// 12,000 sagas. "off" only makes the other ways dear; where there is no index they are still taken.
		"enable_seqscan":    "off",
		"enable_hashjoin":   "off",
		"enable_mergejoin":  "off",
		"enable_bitmapscan": "off",
		"plan_cache_mode":   "force_generic_plan",
		// The locks of a process that was paused or cut off in a transaction are freed after this. Until then nobody can
		// take over what it worked on, and an order's step has a minute: with 30 s, half of it went by. Between two
		// statements of a transaction our programs only compute, for milliseconds.
		"idle_in_transaction_session_timeout": "10s",
	})
	for _, o := range opts {
		o(c)
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return pool, nil
}

func defaults(c *pgxpool.Config, params map[string]string) {
	for name, value := range params {
		if _, set := c.ConnConfig.RuntimeParams[name]; !set {
			c.ConnConfig.RuntimeParams[name] = value
		}
	}
}
