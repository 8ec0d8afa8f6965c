package upgrade

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

const (
	drain   = 12 * time.Second // how long a program may take to stop; see the README
	starter = time.Minute      // how long a program may take to be ready
)

// Config of a roll.
type Config struct {
	Bins  map[Version]string // folders of the two builds
	Plain bool               // no migration is sure to be new
	Least int                // a replica is replaced while at least so many orders are on their way
	Rest  time.Duration      // length of a rest
	Out   io.Writer          // progress, for people
}

// Swap is one replica that was replaced.
type Swap struct {
	Program string  `json:"program"`
	To      Version `json:"to"`
	Moving  int     `json:"orders_on_their_way"`
	Seconds float64 `json:"seconds"` // from the SIGTERM until it was ready
}

// Roll carries out a plan.
type Roll struct {
	Swaps      []Swap
	Migrations map[string][2]int64 // "orders.goose_order" → newest migration with the earlier and the later programs
	Violations []string

	stack  *stack.Stack
	orders *load.Flights
	cfg    Config
}

// New returns a roll of a stack that runs the earlier programs, while orders are placed.
func New(s *stack.Stack, orders *load.Flights, c Config) *Roll {
	return &Roll{stack: s, orders: orders, cfg: c, Migrations: map[string][2]int64{}}
}

// Run carries the plan out. An error means that it cannot go on; what does not hold is in Violations.
func (r *Roll) Run(ctx context.Context, plan []Step) error {
	for _, s := range plan {
		var err error
		switch s.Action {
		case Rest:
			err = r.rest(ctx)
		case Migrate:
			err = r.migrate(ctx, s.To)
		case Replace:
			err = r.replace(ctx, s.Program, s.To)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range r.stack.Programs {
		select {
		case <-p.Process().Done():
			r.violated("%s ended by itself: %v\n%s", p.Name(), p.Process().Err(), stack.LastLines(p.Log))
		default:
		}
	}
	return nil
}

func (r *Roll) rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(r.cfg.Rest):
		return nil
	}
}

// replace stops a program and starts it in a version.
func (r *Roll) replace(ctx context.Context, name string, to Version) error {
	i := slices.IndexFunc(r.stack.Programs, func(p *stack.Program) bool { return p.Name() == name })
	if i < 0 {
		return fmt.Errorf("no program %s", name)
	}
	p := r.stack.Programs[i]
	if err := r.orders.AtLeast(ctx, r.cfg.Least); err != nil {
		return err
	}
	moving, begin := r.orders.Moving(), time.Now()
	p.Process().Stop(syscall.SIGTERM, drain)
	if err := p.Process().Err(); err != nil {
		r.violated("%s, asked to stop: %v\n%s", name, err, stack.LastLines(p.Log))
	}
	p.Use(r.cfg.Bins[to])
	if err := p.Start(); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, starter)
	defer cancel()
	if err := p.WaitReady(ready); err != nil {
		return fmt.Errorf("%s, as %s: %w", name, to, err)
	}
	swap := Swap{name, to, moving, time.Since(begin).Seconds()}
	r.Swaps = append(r.Swaps, swap)
	r.say("%-18s %-8s after %.1f s, %d orders on their way", name, to, swap.Seconds, moving)
	return nil
}

// migrate lets a version migrate every database: the later one changes each schema, the earlier one nothing.
func (r *Roll) migrate(ctx context.Context, to Version) error {
	before, err := r.newest(ctx)
	if err != nil {
		return err
	}
	for _, p := range r.stack.Programs {
		if p.Replica != 1 || p.Service.Database == "" {
			continue
		}
		p.Use(r.cfg.Bins[to])
		if _, err := p.Ask(ctx, "migrate"); err != nil {
			return fmt.Errorf("as %s: %w", to, err)
		}
	}
	after, err := r.newest(ctx)
	if err != nil {
		return err
	}
	r.say("migrated by the %s programs", to)
	if to == Earlier {
		if !maps.Equal(before, after) {
			r.violated("the earlier programs migrated a later schema: %v, now %v", before, after)
		}
		return nil
	}
	for table, n := range after {
		r.Migrations[table] = [2]int64{before[table], n}
		if n <= before[table] && !r.cfg.Plain {
			r.violated("void: the later programs bring no migration to %s", table)
		}
	}
	return nil
}

// newest is the newest migration by database and version table.
func (r *Roll) newest(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for _, s := range stack.Services() {
		if s.Database == "" {
			continue
		}
		url, err := r.stack.Database(s.Database)
		if err != nil {
			return nil, err
		}
		if err := newestIn(ctx, url, func(table string, n int64) { out[s.Database+"."+table] = n }); err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", s.Database, err)
		}
	}
	return out, nil
}

func (r *Roll) violated(format string, args ...any) {
	r.Violations = append(r.Violations, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (r *Roll) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.cfg.Out, format+"\n", args...) // progress that nobody reads is no error
}
