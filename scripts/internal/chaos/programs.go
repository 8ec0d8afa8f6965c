package chaos

import (
	"context"
	"strconv"
	"syscall"
	"time"
)

// claim lends one of the keepers' victims to the fault, as its draw says; where all are lent or away it waits.
func (s stroke) claim(among []*keeper) (*keeper, error) {
	for {
		for i := range among {
			if k := among[(int(s.Pick%uint64(len(among)))+i)%len(among)]; k.take() {
				return k, nil
			}
		}
		if !wait(s.opening, 20*time.Millisecond) {
			return nil, s.opening.Err()
		}
	}
}

// with lends one of them to a fault, when enough orders are on their way.
func (s stroke) with(among []*keeper, do func(k *keeper) error) error {
	k, err := s.claim(among)
	if err != nil {
		return err
	}
	defer k.giveBack()
	if err := s.start(); err != nil {
		return err
	}
	return do(k)
}

func (s stroke) kill(context.Context) error { return s.with(s.programs, s.killIt) }

// killIt ends it with SIGKILL.
func (s stroke) killIt(k *keeper) error {
	moving := s.orders.Moving()
	really, err := k.kill(s.Lasts)
	s.fired(really, "%s with %d orders on their way", k.name, moving)
	return err
}

// drain is how long a program may take to stop; see its README.
const drain = 12 * time.Second

func (s stroke) restart(context.Context) error {
	return s.with(s.programs, func(k *keeper) error {
		really, how := k.stop(s.Lasts, syscall.SIGTERM, drain)
		if how != nil {
			s.note("%v", how)
		}
		s.fired(really, "%s", k.name)
		return nil
	})
}

func (s stroke) pause(ctx context.Context) error {
	return s.with(s.programs, func(k *keeper) error { return s.pauseProgram(ctx, k) })
}

// pauseProgram stops a program for longer than its session lasts, and until others have taken all that it owned.
func (s stroke) pauseProgram(ctx context.Context, k *keeper) error {
	p := k.victim.Process()
	before := s.owned(ctx, k.name)
	begin := time.Now()
	thaw, err := p.Freeze()
	if err != nil {
		return err
	}
	defer thaw() //nolint:errcheck // once more, where the first was not reached
	really := wait(ctx, max(s.Lasts, sessionTimeout+500*time.Millisecond))
	after := s.owned(ctx, k.name)
	for late := begin.Add(s.Lasts + 10*time.Second); really && after > 0 && time.Now().Before(late); {
		really = wait(ctx, 100*time.Millisecond)
		after = s.owned(ctx, k.name)
	}
	really = really && p.Stopped() && after == 0
	if err := thaw(); err != nil {
		return err
	}
	s.fired(really, "%s for %.1f s; its positions before and after: %s, %s", k.name, time.Since(begin).Seconds(), known(before), known(after))
	return nil
}

// owned is how many positions belong to a program's workers. Where nobody can say, it is more than any number that
// matters; for a program without positions 0.
func (s stroke) owned(ctx context.Context, name string) (n int) {
	for _, p := range s.stack.Programs {
		if p.Name() != name || p.Service.Database == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		// A worker is "payment-1-0", and its positions' owner that with a tag of the process.
		err := s.pools[p.Service.Database].QueryRow(ctx, `SELECT count(*) FROM positions WHERE owner LIKE $1`, name+"-%").Scan(&n)
		if err != nil {
			return unknown
		}
	}
	return n
}

const unknown = 1 << 20

func known(n int) string {
	if n == unknown {
		return "unknown"
	}
	return strconv.Itoa(n)
}

func (s stroke) killPostgres(context.Context) error {
	return s.with([]*keeper{s.postgres}, s.killIt)
}

func (s stroke) restartPostgres(context.Context) error {
	return s.with([]*keeper{s.postgres}, func(k *keeper) error { return s.restartIt(k, syscall.SIGINT) }) // a fast shutdown
}

func (s stroke) pausePostgres(ctx context.Context) error {
	return s.with([]*keeper{s.postgres}, func(k *keeper) error { return s.pauseIt(ctx, k) })
}

// restartIt ends a server in its orderly way.
func (s stroke) restartIt(k *keeper, signal syscall.Signal) error {
	begin := time.Now()
	really, _ := k.stop(s.Lasts, signal, 15*time.Second) // Java tells of SIGTERM by its exit code
	s.fired(really, "%s, which took %.1f s to stop", k.name, time.Since(begin).Seconds())
	return nil
}

// pauseIt stops a server and its children for a while.
func (s stroke) pauseIt(ctx context.Context, k *keeper) error {
	p := k.victim.Process()
	thaw, err := p.Freeze()
	if err != nil {
		return err
	}
	wait(ctx, s.Lasts)
	really := p.Stopped()
	if err := thaw(); err != nil {
		return err
	}
	s.fired(really, "%s for %.1f s", k.name, s.Lasts.Seconds())
	return nil
}
