// Package rebuild makes the read model anew beside the live one: from raw records of a Source to the very offsets that the
// live one has read, compares both, and swaps them. It only reads and folds: it joins no group, sends nothing, calls nobody.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/order/internal/viewfeed"
	"ordersaga.internal/services/order/internal/viewstore"
)

// near is how many records the rebuilt one may be behind when the consumer is stopped for the swap.
const near = 10_000

// Progress is told how it goes.
type Progress interface {
	Phase(what string, records int64) // one begins, of so many records
	Add(records int64)                // so many more are done
	Note(format string, args ...any)  // for people
}

// Rebuild is what a rebuild works with. All fields but Accept are required.
type Rebuild struct {
	Generations *viewstore.Generations
	Sources     []Source // asked in turn for what the one before does not hold
	Codec       messaging.Codec
	Prefix      string // of the records' topics
	Lanes       int    // that fold at once; the partitions are divided among them
	Progress    Progress
	Accept      bool // swap although it is not what the live one is
}

// Result is what a rebuild did.
type Result struct {
	Generation         int32
	Digest             viewstore.Digest // of both, where they are Equal
	Live               viewstore.Digest
	Equal              bool
	Records            int64 // folded; repetitions count
	Unreadable         int64 // skipped
	Folding, Verifying time.Duration
	Swapping           time.Duration // during which the consumer waited
}

// run is one rebuild.
type run struct {
	*Rebuild
	generation int32

	mu      sync.Mutex
	done    Cut
	result  Result
	changed map[uuid.UUID]struct{} // since they were compared; nil before
}

// Run rebuilds and swaps. Errors: viewstore.ErrDifferent, with the live one as it was; those of Hold and Positions.
func (b *Rebuild) Run(ctx context.Context) (Result, error) {
	free, err := b.Generations.Hold(ctx)
	if err != nil {
		return Result{}, err
	}
	defer free()
	if _, err := b.Generations.Positions(ctx); err != nil {
		return Result{}, err
	}
	r := &run{Rebuild: b, done: Cut{}}
	if r.generation, err = b.Generations.Make(ctx); err != nil {
		return Result{}, err
	}
	r.result.Generation = r.generation
	for _, step := range []func(context.Context) error{r.fold, r.verify, r.swap} {
		if err := step(ctx); err != nil {
			return r.result, errors.Join(err, b.Generations.Drop(context.WithoutCancel(ctx)))
		}
	}
	return r.result, b.Generations.Drop(ctx)
}

// fold reads until it is near what the live one has read.
func (r *run) fold(ctx context.Context) error {
	defer took(&r.result.Folding)()
	for {
		at, err := r.Generations.Positions(ctx)
		if err != nil {
			return err
		}
		left, err := r.reach(ctx, "folding", at)
		if err != nil || left <= near {
			return err
		}
	}
}

// verify compares both at one and the same cut.
func (r *run) verify(ctx context.Context) error {
	defer took(&r.result.Verifying)()
	live, at, err := r.Generations.Snapshot(ctx, r.generation-1)
	if err != nil {
		return err
	}
	if _, err = r.reach(ctx, "folding up to the cut", at); err != nil {
		return err
	}
	rebuilt, err := r.Generations.Digest(ctx, r.generation)
	if err != nil {
		return err
	}
	r.result.Live, r.result.Digest, r.result.Equal = live, rebuilt, live == rebuilt
	r.changed = map[uuid.UUID]struct{}{}
	if r.result.Equal {
		r.Progress.Note("equal to the live one at the cut: %d orders, sha256 %s", rebuilt.Orders, rebuilt.SHA256)
		return nil
	}
	r.Progress.Note("live:    %d orders, sha256 %s", live.Orders, live.SHA256)
	r.Progress.Note("rebuilt: %d orders, sha256 %s", rebuilt.Orders, rebuilt.SHA256)
	different, err := r.Generations.Different(ctx, r.generation-1, r.generation, nil)
	if err != nil {
		return err
	}
	for _, id := range different[:min(len(different), 5)] { // the live one has moved on since the cut: some may be due to that
		r.Progress.Note("differs: %s", id)
	}
	if r.Accept {
		r.Progress.Note("%d orders differ, which is accepted", len(different))
		return nil
	}
	return fmt.Errorf("%w: %d orders differ", viewstore.ErrDifferent, len(different))
}

// swap makes the rebuilt one live.
func (r *run) swap(ctx context.Context) error {
	if err := r.fold(ctx); err != nil {
		return err
	}
	defer took(&r.result.Swapping)()
	return r.Generations.Swap(ctx, r.generation, r.Accept, func(ctx context.Context, at []viewstore.Position) ([]uuid.UUID, error) {
		if _, err := r.reach(ctx, "folding the last ones", at); err != nil {
			return nil, err
		}
		changed := make([]uuid.UUID, 0, len(r.changed))
		for id := range r.changed {
			changed = append(changed, id)
		}
		return changed, nil
	})
}

// reach folds everything up to the positions, each lane its partitions, and tells how many offsets that was.
func (r *run) reach(ctx context.Context, phase string, at []viewstore.Position) (offsets int64, err error) {
	lanes := make([][]Span, r.Lanes)
	for _, p := range at {
		s := Span{Place{p.Topic, p.Partition}, r.done[Place{p.Topic, p.Partition}], p.Next}
		if s.From < s.To {
			lane := int(p.Partition) % r.Lanes
			lanes[lane] = append(lanes[lane], s)
			offsets += s.To - s.From
		}
	}
	r.Progress.Phase(phase, offsets)
	work, ctx := errgroup.WithContext(ctx)
	for _, spans := range lanes {
		work.Go(func() error { return r.read(ctx, spans) })
	}
	return offsets, work.Wait()
}

// read asks the sources in turn.
func (r *run) read(ctx context.Context, spans []Span) (err error) {
	reached := spans
	for _, source := range r.Sources {
		if spans, err = source.Read(ctx, spans, func(records []*kgo.Record) error { return r.take(ctx, records) }); err != nil {
			return err
		}
	}
	if len(spans) > 0 {
		return fmt.Errorf("%s/%d: no source holds %d to %d", spans[0].Topic, spans[0].Partition, spans[0].From, spans[0].To)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range reached {
		r.done[s.Place] = s.To
	}
	return nil
}

// take folds some records into the generation.
func (r *run) take(ctx context.Context, records []*kgo.Record) error {
	in := make([]messaging.Message, 0, len(records))
	unreadable := int64(0)
	for _, record := range records {
		m, ok, err := messaging.Read(r.Codec, r.Prefix, record)
		if err != nil { // the consumer made a dead letter of it, and somebody discarded that
			unreadable++
			r.Progress.Note("skipped %s/%d at %d: %v", record.Topic, record.Partition, record.Offset, err)
		}
		if ok {
			in = append(in, m)
		}
	}
	subjects := messaging.Subjects(in)
	book, err := viewstore.LoadFrom(ctx, r.Generations.Pool, r.generation, subjects)
	if err != nil {
		return err
	}
	for i := range in {
		if err := book.Apply(in[i].Subject, viewfeed.Event(&in[i])); err != nil {
			unreadable++
			r.Progress.Note("skipped %s/%d at %d: %v", in[i].Topic, in[i].Partition, in[i].Offset, err)
		}
	}
	if err := viewstore.Save(ctx, r.Generations.Pool, r.generation, book); err != nil {
		return err
	}
	r.Progress.Add(int64(len(records)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Records += int64(len(records))
	r.result.Unreadable += unreadable
	if r.changed != nil {
		for _, id := range subjects {
			r.changed[id] = struct{}{}
		}
	}
	return nil
}

// took adds the time until it is called to d.
func took(d *time.Duration) func() {
	start := time.Now()
	return func() { *d += time.Since(start) }
}
