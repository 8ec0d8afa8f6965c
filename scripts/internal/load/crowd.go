package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// wave is how often orders come, all at once: a steady trickle would leave few in flight at any moment.
	wave = 2 * time.Second
	// patience is how long a customer's app waits for an answer before it asks again, with the same key.
	patience = 5 * time.Second
	// mostPending bounds the requests that wait for an answer; while there are so many, no more orders come.
	mostPending = 2000
)

// Crowd places the mixed workload as customers' apps do: a request without an answer is repeated with the same key,
// until it has one. It follows every order to its end.
type Crowd struct {
	Flights

	client  *Client
	pending sync.WaitGroup
	slots   chan struct{}
}

// NewCrowd returns a crowd that calls through client.
func NewCrowd(client *Client) *Crowd {
	return &Crowd{Flights: newFlights(), client: client, slots: make(chan struct{}, mostPending)}
}

// place places orders until placing ends, and returns before every request has its answer: those without one are repeated
// until ctx ends.
func (c *Crowd) place(ctx, placing context.Context, perSecond float64, seed uint64, hopelessUntil time.Time) {
	r := rand.New(rand.NewPCG(seed, 0))
	tick := time.NewTicker(wave)
	defer tick.Stop()
	owed := 0.0
	for {
		for owed += perSecond * wave.Seconds(); owed >= 1; owed-- {
			m := Mix(r, time.Now().Before(hopelessUntil))
			select {
			case c.slots <- struct{}{}:
			case <-placing.Done():
				return
			}
			c.pending.Go(func() {
				defer func() { <-c.slots }()
				c.live(ctx, m)
			})
		}
		select {
		case <-placing.Done():
			return
		case <-tick.C:
		}
	}
}

// During places perSecond orders a second while work is done; after hopelessUntil none that can only wait for a deadline. It
// returns when every request has its answer: after a minute, or at once where work failed, what is still unanswered is given
// up. The error is work's.
func (c *Crowd) During(ctx context.Context, perSecond float64, seed uint64, hopelessUntil time.Time, work func(context.Context) error) error {
	placing, stopPlacing := context.WithCancel(ctx)
	defer stopPlacing()
	asking, giveUp := context.WithCancel(ctx)
	defer giveUp()
	placed := make(chan struct{})
	go func() {
		defer close(placed)
		c.place(asking, placing, perSecond, seed, hopelessUntil)
	}()
	err := work(ctx)
	stopPlacing()
	<-placed
	if err != nil {
		giveUp()
	}
	patience := time.AfterFunc(time.Minute, giveUp)
	defer patience.Stop()
	c.pending.Wait()
	return err
}

// live places one order and, where it is that kind, cancels it.
func (c *Crowd) live(ctx context.Context, m Mixed) {
	key := uuid.NewString()
	var id uuid.UUID
	asked := time.Now()
	err := c.insist(ctx, func(ctx context.Context) (err error) {
		id, err = c.client.Place(ctx, key, m.Order)
		return err
	})
	if err != nil {
		c.unanswered(err)
		return
	}
	c.accept(id, m.Kind, asked)
	if m.Kind != Cancelled {
		return
	}
	timer := time.NewTimer(m.CancelAfter)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
	}
	err = c.insist(ctx, func(ctx context.Context) error {
		err := c.client.Cancel(ctx, id)
		var status *StatusError
		if errors.As(err, &status) && status.Status == http.StatusConflict {
			return nil // it was faster than its cancellation
		}
		return err
	})
	if err != nil {
		c.unanswered(fmt.Errorf("cancel %s: %w", id, err))
	}
}

// insist repeats a request until it is answered with success, or with something that no repetition would change.
func (c *Crowd) insist(ctx context.Context, request func(context.Context) error) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		attempt, cancel := context.WithTimeout(ctx, patience)
		err := request(attempt)
		cancel()
		if err == nil {
			return nil
		}
		var status *StatusError
		if errors.As(err, &status) && status.Status < http.StatusInternalServerError && status.Status != http.StatusConflict {
			return err
		}
		c.repeated(err)
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
