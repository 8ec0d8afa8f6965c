package read

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/check"
)

// ErrUnreachable says that a part of the system does not answer.
var ErrUnreachable = errors.New("not reachable")

// Addresses is where a system is read. A local stack keeps them in the file stack.json of its data folder.
type Addresses struct {
	Brokers     string `json:"brokers"`      // host:port, comma-separated
	Provider    string `json:"provider"`     // URL
	ProviderKey string `json:"provider_key"` // API key
	Postgres    string `json:"postgres"`     // URL of a user who may read every database; its path does not matter
	Inputs      string `json:"inputs"`       // file of what was declared: see check.Goods
}

// ReadAddresses reads a stack.json.
func ReadAddresses(path string) (a Addresses, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return a, fmt.Errorf("addresses: %w", err)
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("addresses in %s: %w", path, err)
	}
	return a, nil
}

// Write keeps the addresses in a file.
func (a Addresses) Write(path string) error {
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil { // it holds a key
		return fmt.Errorf("addresses: %w", err)
	}
	return nil
}

// Goods reads the file of what was declared.
func (a Addresses) Goods() ([]check.Goods, error) {
	raw, err := os.ReadFile(a.Inputs)
	if err != nil {
		return nil, fmt.Errorf("declared goods: %w", err)
	}
	return check.ParseGoods(raw)
}

// Live is a running system. It implements check.Source.
type Live struct {
	addresses Addresses
	kafka     *kgo.Client // for metadata and offsets
	databases map[string]*database
}

var _ check.Source = (*Live)(nil)

// Open connects to everything. Errors: ErrUnreachable.
func Open(ctx context.Context, a Addresses) (*Live, error) {
	l := &Live{addresses: a, databases: map[string]*database{}}
	var err error
	if l.kafka, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(a.Brokers, ",")...)); err != nil {
		return nil, fmt.Errorf("brokers %s: %w", a.Brokers, err)
	}
	ping, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := l.kafka.Ping(ping); err != nil {
		l.Close()
		return nil, fmt.Errorf("brokers %s: %w: %w", a.Brokers, ErrUnreachable, err)
	}
	for _, name := range []string{"orders", "payments", "warehouse", "processmanager"} {
		if l.databases[name], err = openDatabase(ping, a.Postgres, name); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// Close disconnects.
func (l *Live) Close() {
	l.kafka.Close()
	for _, d := range l.databases {
		if d != nil {
			d.pool.Close()
		}
	}
}

// pollEvery is how often Await looks.
const pollEvery = 200 * time.Millisecond

// Await returns when the system is at rest and no order is in flight, but for those that alert. After the given time it
// returns all the same where only orders in flight are left, which the verdict will name, else check.ErrNotAtRest. tell
// hears what it waits for, every few seconds.
func (l *Live) Await(ctx context.Context, most time.Duration, tell func(string)) error {
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		rest, err := l.Rest(ctx)
		if err != nil {
			return err
		}
		if rest.Quiet() {
			return nil
		}
		unrest := rest.Unrest()
		if n%25 == 0 && tell != nil {
			tell(fmt.Sprintf("waiting for rest: %d orders in flight, %d calls at the provider, %s", rest.Waiting, rest.Calls, first(unrest)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			if len(unrest) > 0 {
				return fmt.Errorf("%w after %s: %s", check.ErrNotAtRest, most, strings.Join(unrest[:min(5, len(unrest))], "; "))
			}
			return nil
		case <-tick.C:
		}
	}
}

func first(unrest []string) string {
	if len(unrest) == 0 {
		return "everything was read"
	}
	return fmt.Sprintf("%d positions or outboxes behind, for one: %s", len(unrest), unrest[0])
}

// Task is what to judge, and how.
type Task struct {
	check.Options
	Wait  time.Duration                   // how long to wait for rest
	Tell  func(string)                    // hears what is waited for; may be nil
	Front func(check.Source) check.Source // put in front of the system at each try, to record it; may be nil
}

// Check connects, waits for rest and judges. Errors: ErrUnreachable; those of check.Judge.
func Check(ctx context.Context, a Addresses, t Task) (*check.Verdict, error) {
	l, err := Open(ctx, a)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	v, _, err := l.Judge(ctx, t)
	return v, err
}

// Judge waits for rest and judges; it also says how long that took without the waiting. What moves while it is read, as
// an order behind a dead letter does whose command is sent again now and then, is read again while there is time.
func (l *Live) Judge(ctx context.Context, t Task) (*check.Verdict, time.Duration, error) {
	until := time.Now().Add(t.Wait)
	for {
		if err := l.Await(ctx, max(0, time.Until(until)), t.Tell); err != nil {
			return nil, 0, err
		}
		source := check.Source(l)
		if t.Front != nil {
			source = t.Front(l)
		}
		begin := time.Now()
		v, err := check.Judge(ctx, source, t.Options)
		if !errors.Is(err, check.ErrNotAtRest) || time.Until(until) <= 0 {
			return v, time.Since(begin), err
		}
	}
}
