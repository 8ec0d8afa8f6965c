package mutants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of Run.
type Options struct {
	Record string // the file
	Faults int    // how many are explored, at most
	Fast   bool   // each mutant only as far as the record says that it falls
	Update bool   // write the record anew
	Only   string // judge those whose names contain it
	Out    io.Writer
}

// ErrDiffers is returned where what became of the mutants is not what the record says.
var ErrDiffers = errors.New("the mutants are not as recorded")

// Run judges every mutant and compares with the record. Errors: ErrDiffers.
func Run(ctx context.Context, b *Built, o Options) error {
	record, err := ReadRecord(o.Record)
	if err != nil && !(o.Update && errors.Is(err, os.ErrNotExist)) {
		return err
	}
	begin := time.Now()
	if !o.Fast {
		for _, faults := range []int{max(o.Faults-1, 0), o.Faults} {
			if err := b.cleanly(ctx, faults); err != nil {
				return err
			}
		}
	}
	found, err := b.judgeAll(ctx, o, record)
	if err != nil {
		return err
	}
	wrong := record.Compare(found, b.Mutants)
	if o.Update {
		record = record.updated(found, b.Mutants)
		if err := record.Write(o.Record, b.Mutants); err != nil {
			return err
		}
		wrong = record.Compare(found, b.Mutants)
	}
	found.summary(o.Out, time.Since(begin))
	for _, w := range wrong {
		fmt.Fprintln(o.Out, "  wrong:", w)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %d of %d", ErrDiffers, len(wrong), len(b.Mutants))
	}
	return nil
}

// judgeAll judges as many mutants at once as there are CPUs.
func (b *Built) judgeAll(ctx context.Context, o Options, record Record) (Record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan Mutant)
	found := Record{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			for m := range work {
				f, err := b.judge(ctx, m, o, record)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				found[m.Name] = f
				if n := len(found); n%50 == 0 {
					fmt.Fprintf(o.Out, "%4d of %d mutants\n", n, len(b.Mutants))
				}
				mu.Unlock()
			}
		})
	}
feed:
	for _, m := range b.Mutants {
		if !strings.Contains(m.Name, o.Only) {
			continue
		}
		select {
		case work <- m:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	all.Wait()
	return found, context.Cause(ctx)
}

// judge finds a mutant's fate: it is explored with all faults but one, then tested, and explored with all where nothing
// objected. Fast, it goes as far as the record says; one that the record lacks is judged in full.
func (b *Built) judge(ctx context.Context, m Mutant, o Options, record Record) (Fate, error) {
	was, recorded := record[m.Name]
	switch fast := o.Fast && recorded; {
	case fast && was.Verdict == Falls:
		return b.explore(ctx, m, was.Faults)
	case fast && was.Verdict == Tested:
		return b.test(ctx, m, Fate{Verdict: Stands}, was.Why)
	case fast:
		return b.test(ctx, m, was, "")
	}
	f, err := b.explore(ctx, m, max(o.Faults-1, 0))
	if err == nil && f.Verdict == Stands {
		f, err = b.test(ctx, m, f, "")
	}
	if err == nil && f.Verdict == Stands {
		f, err = b.explore(ctx, m, o.Faults)
	}
	return f, err
}

// explore explores a mutant and compares with what is explored without it.
func (b *Built) explore(ctx context.Context, m Mutant, faults int) (Fate, error) {
	f, levels, err := b.Explore(ctx, m.Number, faults)
	f.Other = f.Verdict == Stands && !slices.Equal(levels, b.clean[faults])
	return f, err
}

// test runs tests against a mutant to which the exploration does not object.
func (b *Built) test(ctx context.Context, m Mutant, f Fate, recorded string) (Fate, error) {
	failed, err := b.Test(ctx, m.Number, recorded)
	if failed != "" {
		f.Verdict, f.Why = Tested, failed
	}
	return f, err
}

func (r Record) summary(out io.Writer, took time.Duration) {
	falls, sum, tested, stands := map[int]int{}, 0, 0, 0
	for _, f := range r {
		switch f.Verdict {
		case Falls:
			falls[f.Faults]++
			sum++
		case Tested:
			tested++
		default:
			stands++
		}
	}
	var by []string
	for _, k := range slices.Sorted(maps.Keys(falls)) {
		by = append(by, fmt.Sprintf("%d with %d", falls[k], k))
	}
	fmt.Fprintf(out, "%d mutants in %.0f s: %d fall to the exploration (by faults: %s), %d to a test, %d stand\n",
		len(r), took.Seconds(), sum, strings.Join(by, ", "), tested, stands)
}
