package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// Config of a run.
type Config struct {
	Length time.Duration // of the faults
	Seed   uint64
	Kinds  []Kind
	Disks  *Disks
	Out    io.Writer // what is told while it runs
}

// enough orders must be on their way before a fault starts: else it would break nothing.
const enough = 50

// Chaos is one run over one stack.
type Chaos struct {
	config Config
	stack  *stack.Stack
	orders *load.Flights

	programs []*keeper
	brokers  []*keeper
	postgres *keeper
	extras   map[string]*extra // by service
	links    *linkLocks
	kafka    *kgo.Client              // past every proxy, where the broker has such an address
	pools    map[string]*pgxpool.Pool // by database, past every proxy
	begun    time.Time

	brokerTurn chan struct{}

	mu     sync.Mutex
	counts map[Kind]*Count
	notes  []string
}

// Count of one kind: Started says how many found enough orders on their way, Fired how many really happened.
type Count struct {
	Kind    Kind   `json:"kind"`
	Started int    `json:"started"`
	Fired   int    `json:"fired"`
	Not     string `json:"not_available,omitempty"` // why there are none
}

// New prepares a run over a running stack with proxies.
func New(ctx context.Context, s *stack.Stack, orders *load.Flights, c Config) (*Chaos, error) {
	if s.Net == nil || s.Postgres == nil || len(s.Kafka) == 0 {
		return nil, errors.New("chaos needs a stack with its own servers and proxies")
	}
	x := &Chaos{
		config: c, stack: s, orders: orders, extras: map[string]*extra{}, links: newLinkLocks(),
		pools: map[string]*pgxpool.Pool{}, counts: map[Kind]*Count{},
		brokerTurn: make(chan struct{}, 1),
	}
	for _, k := range c.Kinds {
		x.counts[k] = &Count{Kind: k}
	}
	x.withoutDisks()
	x.withoutTime()
	for _, p := range s.Programs {
		x.programs = append(x.programs, newKeeper(p.Name(), p.Log, program{p}, x.died))
		if err := x.openPool(ctx, p.Service.Database); err != nil {
			return nil, err
		}
	}
	for _, k := range s.Kafka {
		x.brokers = append(x.brokers, newKeeper(k.Name, k.Log, k, x.died))
	}
	x.postgres = newKeeper(s.Postgres.Name, s.Postgres.Log, s.Postgres, x.died)
	return x, errors.Join(x.openKafka(), x.layExtras())
}

// withoutTime says which kinds the run is too short for.
func (x *Chaos) withoutTime() {
	planned := map[Kind]bool{}
	for _, f := range Plan(x.config.Seed, x.config.Length, x.config.Kinds) {
		planned[f.Kind] = true
	}
	for _, k := range x.config.Kinds {
		if !planned[k] {
			x.counts[k].Not = "the run is too short for it"
		}
	}
}

func (x *Chaos) openPool(ctx context.Context, database string) error {
	if database == "" || x.pools[database] != nil {
		return nil
	}
	url, err := x.stack.Database(database)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("look at %s: %w", database, err)
	}
	x.pools[database] = pool
	return nil
}

// program makes a stack's program a victim.
type program struct{ *stack.Program }

func (p program) Start(context.Context) error { return p.Program.Start() }

// Run breaks things for the length of the run, then heals everything, and returns when all programs are ready again.
func (x *Chaos) Run(ctx context.Context) error {
	defer func() {
		for _, p := range x.pools {
			p.Close()
		}
		x.kafka.Close()
	}()
	keeping, stopKeeping := context.WithCancel(ctx)
	defer stopKeeping()
	var kept sync.WaitGroup
	for _, k := range x.keepers() {
		kept.Go(func() { k.run(keeping) })
	}
	err := x.strikeAll(ctx)
	if err == nil {
		x.say("healing")
		x.heal()
		err = x.ready(ctx)
	}
	stopKeeping()
	kept.Wait()
	return err
}

func (x *Chaos) keepers() []*keeper {
	return append(append([]*keeper{x.postgres}, x.brokers...), x.programs...)
}

// strikeAll starts each fault at its time and waits until all are over.
func (x *Chaos) strikeAll(ctx context.Context) error {
	strikes := map[Kind]func(stroke, context.Context) error{}
	for _, d := range designs() {
		strikes[d.kind] = d.strike
	}
	opening, stop := context.WithTimeout(ctx, x.config.Length)
	defer stop()
	x.begun = time.Now()
	var over errgroup.Group
	for _, f := range Plan(x.config.Seed, x.config.Length, x.config.Kinds) {
		if !wait(opening, time.Until(x.begun.Add(f.At))) {
			break
		}
		over.Go(func() error {
			// A fault that could not start in time is none. One that started is not cut short, but where we stop as a whole.
			err := strikes[f.Kind](stroke{x, f, opening}, ctx)
			if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", f.Kind, err)
			}
			return nil
		})
	}
	<-opening.Done()
	if err := over.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// heal ends what faults may have left.
func (x *Chaos) heal() {
	for _, l := range x.allLinks() {
		l.Heal()
		l.LoseCommits(0)
		l.DropCommits(0)
	}
}

// ready waits until every program says that it is.
func (x *Chaos) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for _, p := range x.stack.Programs {
		for {
			err := p.Ready(ctx)
			if err == nil {
				break
			}
			if !wait(ctx, 50*time.Millisecond) {
				return fmt.Errorf("not ready after everything was healed: %w", err)
			}
		}
	}
	return nil
}

func (x *Chaos) say(format string, args ...any) {
	_, _ = fmt.Fprintf(x.config.Out, "%6.1f s  "+format+"\n", append([]any{time.Since(x.begun).Seconds()}, args...)...)
}
