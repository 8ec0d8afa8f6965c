package crash

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// life is an incarnation that runs, or did.
type life[I Incarnation] struct {
	it    I
	ports *Ports
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run, once ended

	// The lane's mu guards these.
	leaving bool          // it was asked to end
	over    chan struct{} // closed once it is decided what follows
	left    bool          // nothing does: it ended as asked
}

// lane is a world in which runs follow each other, and who keeps the program alive in it: dead, it is started again.
type lane[W World[I], I Incarnation] struct {
	world W

	mu      sync.Mutex
	now     *life[I]
	reviver chan struct{} // closed once the next one lives, or cannot; nil while nobody starts one
	failed  error
	script  *script // of the run at hand
	starts  int     // in it
	slow    bool    // leases of the dead run out in their own time

	working sync.WaitGroup // supervision, and the dead whose goroutines still end
}

// maxStarts is how often a program may be started in one run: it must not need crashes of its own to get over one.
const maxStarts = 10

// begin starts an incarnation and keeps one alive from then on. s counts from its first breath; nil: not yet.
func (l *lane[W, I]) begin(s *script) error {
	for {
		l.mu.Lock()
		l.starts++
		often := l.starts > maxStarts
		l.mu.Unlock()
		p := newPorts(s)
		fired := s != nil && s.fired() > 0
		it, err := l.world.Start(p)
		if err == nil {
			l.live(it, p)
			return nil
		}
		p.cut()
		fired = fired || s != nil && s.fired() > 0
		if !fired || often {
			return fmt.Errorf("start: %w", err)
		}
		if err := l.lapse(context.Background()); err != nil {
			return err
		}
	}
}

func (l *lane[W, I]) live(it I, p *Ports) {
	ctx, stop := context.WithCancel(context.Background())
	f := &life[I]{it: it, ports: p, stop: stop, ended: make(chan struct{}), over: make(chan struct{})}
	l.working.Go(func() {
		defer close(f.ended)
		f.err = it.Run(ctx)
	})
	l.mu.Lock()
	l.now = f
	l.mu.Unlock()
	l.working.Go(func() { l.supervise(f) })
}

// supervise starts the next incarnation when this one is over before its time.
func (l *lane[W, I]) supervise(f *life[I]) {
	defer func() { // of a dead one the goroutines end as they can, with dead ports
		f.stop()
		<-f.ended
		f.it.Close()
		f.ports.cut()
	}()
	select {
	case <-f.ports.Dead.Done():
	case <-f.ended:
	}
	if next := l.decide(f); next != nil {
		defer close(next)
		f.stop()
		f.ports.cut()
		if err := l.revive(f); err != nil {
			l.fail(err)
		}
	}
}

// decide tells whether another incarnation is to follow: it returns what is to be closed once it lives.
func (l *lane[W, I]) decide(f *life[I]) (next chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(f.over)
	if l.now != f {
		return nil // another one was let live instead
	}
	l.now = nil
	if f.leaving && !f.ports.crashed() {
		f.left = true
		return nil
	}
	next = make(chan struct{})
	l.reviver = next
	return next
}

func (l *lane[W, I]) revive(f *life[I]) error {
	l.mu.Lock()
	s, often := l.script, l.starts >= maxStarts
	l.mu.Unlock()
	if !f.ports.crashed() && (s == nil || s.fired() == 0) {
		<-f.ended
		return fmt.Errorf("the program ended by itself: %w", f.err)
	}
	if often {
		<-f.ended
		return fmt.Errorf("the program was started %d times, and ended again: %w", maxStarts, f.err)
	}
	return errors.Join(l.lapse(context.Background()), l.begin(s))
}

// end lets the program end in its ordinary way. Where it dies instead, the next one is let end.
func (l *lane[W, I]) end(ctx context.Context) error {
	for {
		f, err := l.current(ctx)
		if err != nil {
			return err
		}
		l.mu.Lock()
		f.leaving = true
		l.mu.Unlock()
		f.stop()
		select {
		case <-f.over:
		case <-ctx.Done():
			return errors.New("in vain: the program's end")
		}
		if !f.left {
			continue
		}
		if f.err != nil && l.script.fired() == 0 {
			return fmt.Errorf("the program's end: %w", f.err)
		}
		return nil
	}
}

// kill ends the incarnation without one that follows.
func (l *lane[W, I]) kill() {
	l.mu.Lock()
	reviver := l.reviver
	l.mu.Unlock()
	if reviver != nil {
		<-reviver
	}
	l.mu.Lock()
	f := l.now
	l.now = nil
	l.mu.Unlock()
	if f != nil {
		f.ports.cut()
	}
}

// lapse lets the leases of the dead run out.
func (l *lane[W, I]) lapse(ctx context.Context) error {
	l.mu.Lock()
	slow := l.slow
	l.mu.Unlock()
	if slow {
		return nil
	}
	return l.world.Lapse(ctx)
}

// current waits for an incarnation.
func (l *lane[W, I]) current(ctx context.Context) (*life[I], error) {
	for {
		l.mu.Lock()
		f, err := l.now, l.failed
		l.mu.Unlock()
		if f != nil || err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("in vain: an incarnation")
		case <-time.After(time.Millisecond):
		}
	}
}

// vacant tells whether nobody lives, nor will without being begun.
func (l *lane[W, I]) vacant() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil || l.failed != nil {
		return false
	}
	select {
	case <-l.reviver:
		return true
	default:
		return l.reviver == nil
	}
}

func (l *lane[W, I]) alive() (it I, dead context.Context, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil {
		return it, nil, false
	}
	return l.now.it, l.now.ports.Dead, true
}

func (l *lane[W, I]) trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *lane[W, I]) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
}
