package chaos

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// withBroker lends a broker to a fault, one at a time, and of a cluster only when every replica has caught up with the
// fault before: two of three may not be away at once, that is what replication promises and no more.
func (s stroke) withBroker(ctx context.Context, do func(k *keeper) error) error {
	select {
	case s.brokerTurn <- struct{}{}:
	case <-s.opening.Done():
		return s.opening.Err()
	}
	defer func() { <-s.brokerTurn }()
	for !s.whole(ctx) {
		if !wait(s.opening, 100*time.Millisecond) {
			return s.opening.Err()
		}
	}
	k, err := s.claim(s.brokers)
	if err != nil {
		return err
	}
	defer k.giveBack()
	if err := s.start(); err != nil {
		return err
	}
	return do(k)
}

// whole tells whether every broker runs and every replica is in sync.
func (x *Chaos) whole(ctx context.Context) bool {
	for _, k := range x.brokers {
		if !k.running() {
			return false
		}
	}
	if len(x.brokers) == 1 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(x.kafka).ListTopicsWithInternal(ctx)
	if err == nil {
		err = topics.Error()
	}
	if err != nil || len(topics) == 0 {
		return false
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			if p.Err != nil || len(p.ISR) < len(p.Replicas) {
				return false
			}
		}
	}
	return true
}

func (x *Chaos) openKafka() (err error) {
	x.kafka, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(x.stack.Brokers, ",")...), kgo.ClientID("chaos"), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return fmt.Errorf("look at the brokers: %w", err)
	}
	return nil
}

func (s stroke) killBroker(ctx context.Context) error {
	return s.withBroker(ctx, func(k *keeper) error { return s.killIt(k) })
}

// outageBroker keeps a killed broker away for longer than a step's deadline.
func (s stroke) outageBroker(ctx context.Context) error {
	return s.withBroker(ctx, func(k *keeper) error {
		really, err := k.kill(s.Lasts)
		really = really && wait(ctx, s.Lasts) // nobody else waits for it: the turn is ours until it is over
		s.fired(really, "%s for %.0f s", k.name, s.Lasts.Seconds())
		return err
	})
}

func (s stroke) restartBroker(ctx context.Context) error {
	return s.withBroker(ctx, func(k *keeper) error { return s.restartIt(k, syscall.SIGTERM) })
}

func (s stroke) pauseBroker(ctx context.Context) error {
	return s.withBroker(ctx, func(k *keeper) error { return s.pauseIt(ctx, k) })
}

// fillBroker fills a broker's disk until it gives up: it must rather end than lose.
func (s stroke) fillBroker(ctx context.Context) error {
	return s.withBroker(ctx, func(k *keeper) error {
		for _, server := range s.stack.Kafka {
			if server.Name == k.name {
				return s.fillIt(ctx, k, server.Dir, func(map[string]int64) bool { return false })
			}
		}
		return fmt.Errorf("no broker is called %s", k.name)
	})
}
