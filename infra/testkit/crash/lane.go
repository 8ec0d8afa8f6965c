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

	leaving bool // it was asked to end; the lane's mu guards it
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
		if err := l.world.Lapse(context.Background()); err != nil {
			return err
		}
	}
}

func (l *lane[W, I]) live(it I, p *Ports) {
	ctx, stop := context.WithCancel(context.Background())
	f := &life[I]{it: it, ports: p, stop: stop, ended: make(chan struct{})}
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
	l.mu.Lock()
	crashed, s := f.ports.crashed(), l.script
	if l.now != f || f.leaving && !crashed {
		l.mu.Unlock()
		return
	}
	often := l.starts >= maxStarts
	revived := make(chan struct{})
	l.now, l.reviver = nil, revived
	l.mu.Unlock()
	defer close(revived)
	switch {
	case !crashed && (s == nil || s.fired() == 0):
		l.fail(fmt.Errorf("the program ended by itself: %w", f.err))
		return
	case often:
		l.fail(fmt.Errorf("the program was started %d times, and ended again: %w", maxStarts, f.err))
		return
	}
	f.stop()
	f.ports.cut()
	if err := errors.Join(l.world.Lapse(context.Background()), l.begin(s)); err != nil {
		l.fail(err)
	}
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
		case <-f.ended:
		case <-f.ports.Dead.Done():
		case <-ctx.Done():
			return errors.New("in vain: the program's end")
		}
		l.mu.Lock()
		crashed := f.ports.crashed()
		if !crashed && l.now == f {
			l.now = nil
		}
		l.mu.Unlock()
		switch {
		case crashed:
			continue
		case f.err != nil && l.script.fired() == 0:
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

// close ends everything and waits for it.
func (l *lane[W, I]) close() {
	l.kill()
	l.working.Wait()
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
