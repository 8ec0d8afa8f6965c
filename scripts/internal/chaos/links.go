package chaos

import (
	"context"
	"sync"
	"time"

	"ordersaga.internal/scripts/internal/faultnet"
)

// linkLocks lends each link to one fault at a time.
type linkLocks struct {
	mu   sync.Mutex
	lent map[*faultnet.Link]bool
}

func newLinkLocks() *linkLocks { return &linkLocks{lent: map[*faultnet.Link]bool{}} }

func (l *linkLocks) take(link *faultnet.Link) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lent[link] {
		return false
	}
	l.lent[link] = true
	return true
}

func (l *linkLocks) giveBack(link *faultnet.Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lent, link)
}

func (x *Chaos) postgresLinks() (out []*faultnet.Link) {
	for _, p := range x.stack.Programs {
		if l := x.stack.Net.Postgres(p.Name()); l != nil {
			out = append(out, l)
		}
	}
	return out
}

func (x *Chaos) kafkaLinks() (out []*faultnet.Link) {
	for _, p := range x.stack.Programs {
		if p.Service.Database != "" { // all that have a database also have topics
			out = append(out, x.stack.Net.Kafka(p.Name())...)
		}
	}
	return out
}

func (x *Chaos) providerLinks() (out []*faultnet.Link) {
	for _, p := range x.stack.Programs {
		if p.Service.Name == "payment" {
			out = append(out, x.stack.Net.Provider(p.Name()), x.stack.Net.Webhooks(p.Name()))
		}
	}
	return out
}

func (x *Chaos) allLinks() []*faultnet.Link {
	return append(append(x.postgresLinks(), x.kafkaLinks()...), x.providerLinks()...)
}

// claimLink lends one of the links to the fault.
func (s stroke) claimLink(among []*faultnet.Link) (*faultnet.Link, error) {
	for {
		for i := range among {
			if l := among[(int(s.Pick%uint64(len(among)))+i)%len(among)]; s.links.take(l) {
				return l, nil
			}
		}
		if !wait(s.opening, 20*time.Millisecond) {
			return nil, s.opening.Err()
		}
	}
}

func (s stroke) cutPostgres(ctx context.Context) error { return s.cut(ctx, s.postgresLinks()) }
func (s stroke) cutKafka(ctx context.Context) error    { return s.cut(ctx, s.kafkaLinks()) }
func (s stroke) cutProvider(ctx context.Context) error { return s.cut(ctx, s.providerLinks()) }

// cut breaks a link in one of three ways: every connection ends and may be made again at once; or only after a while; or
// nothing passes for a while, without anybody being told, and then every connection ends.
func (s stroke) cut(ctx context.Context, among []*faultnet.Link) error {
	l, err := s.claimLink(among)
	if err != nil {
		return err
	}
	defer s.links.giveBack(l)
	if err := s.start(); err != nil {
		return err
	}
	defer l.Heal()
	switch way := s.Pick >> 32 % 3; way {
	case 0:
		n := l.Cut(false)
		s.fired(n > 0, "%s: %d connections", l.Name(), n)
	case 1:
		n := l.Cut(true)
		wait(ctx, s.Lasts)
		s.fired(n > 0, "%s: %d connections, and none for %.1f s", l.Name(), n, s.Lasts.Seconds())
	default:
		before := l.Seen().Held
		l.Silence()
		wait(ctx, s.Lasts)
		held := l.Seen().Held - before
		n := l.Cut(false)
		s.fired(held > 0, "%s: %d pieces of data held for %.1f s, then %d connections", l.Name(), held, s.Lasts.Seconds(), n)
	}
	return nil
}

func (s stroke) delayPostgres(ctx context.Context) error { return s.delay(ctx, s.postgresLinks()) }
func (s stroke) delayKafka(ctx context.Context) error    { return s.delay(ctx, s.kafkaLinks()) }
func (s stroke) delayProvider(ctx context.Context) error { return s.delay(ctx, s.providerLinks()) }

// delay slows a link down by 5 to 255 ms each way.
func (s stroke) delay(ctx context.Context, among []*faultnet.Link) error {
	l, err := s.claimLink(among)
	if err != nil {
		return err
	}
	defer s.links.giveBack(l)
	if err := s.start(); err != nil {
		return err
	}
	defer l.Heal()
	before := l.Seen().Delayed
	by := time.Duration(5+s.Pick>>32%250) * time.Millisecond
	l.Delay(by)
	wait(ctx, s.Lasts)
	n := l.Seen().Delayed - before
	s.fired(n > 0, "%s: %d pieces of data by %v", l.Name(), n, by)
	return nil
}

// loseCommit ends a connection in place of the answer to the next COMMIT of one program: it happened.
func (s stroke) loseCommit(ctx context.Context) error {
	return s.unknownCommit(ctx, (*faultnet.Link).LoseCommits, func(n faultnet.Seen) int { return n.Lost })
}

// dropCommit ends it in place of the COMMIT: it did not happen.
func (s stroke) dropCommit(ctx context.Context) error {
	return s.unknownCommit(ctx, (*faultnet.Link).DropCommits, func(n faultnet.Seen) int { return n.Dropped })
}

func (s stroke) unknownCommit(ctx context.Context, arm func(*faultnet.Link, int), count func(faultnet.Seen) int) error {
	links := s.postgresLinks()
	l := links[s.Pick%uint64(len(links))]
	if err := s.start(); err != nil {
		return err
	}
	before := count(l.Seen())
	arm(l, 1)
	for late := time.Now().Add(s.Lasts); count(l.Seen()) == before && time.Now().Before(late); {
		if !wait(ctx, 10*time.Millisecond) {
			break
		}
	}
	really := count(l.Seen()) > before
	if !really {
		arm(l, 0)
	}
	s.fired(really, "%s", l.Name())
	return nil
}
