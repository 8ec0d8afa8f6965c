package mutants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
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
	found, err := b.judgeAll(ctx, o, record)
	if err != nil {
		return err
	}
	wrong := record.Compare(found, b.Mutants)
	if o.Update {
		for name, f := range found {
			if was := record[name]; f.Verdict != Falls {
				f.Why = Unexplained
				if was.Verdict != Falls && was.Why != "" {
					f.Why = was.Why
				}
				found[name] = f
			}
		}
		record = found
		if err := record.Write(o.Record, b.Mutants); err != nil {
			return err
		}
		wrong = record.Compare(found, b.Mutants)
	}
	found.summary(o.Out, len(b.Mutants), time.Since(begin))
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

// judge finds a mutant's fate. Fast, it goes as far as the record says; one that the record lacks is judged in full.
func (b *Built) judge(ctx context.Context, m Mutant, o Options, record Record) (Fate, error) {
	faults := o.Faults
	was, recorded := record[m.Name]
	if fast := o.Fast && recorded; fast {
		if faults = 1; was.Verdict == Falls {
			faults = was.Faults
		}
	}
	f, err := b.Explore(ctx, m.Number, faults)
	if err != nil || f.Verdict == Falls {
		return f, err
	}
	fails, err := b.Test(ctx, m.Number)
	if fails {
		f.Verdict = Tested
	}
	return f, err
}

func (r Record) summary(out io.Writer, all int, took time.Duration) {
	falls, tested, stands := map[int]int{}, 0, 0
	for _, f := range r {
		switch f.Verdict {
		case Falls:
			falls[f.Faults]++
		case Tested:
			tested++
		default:
			stands++
		}
	}
	var by []string
	sum := 0
	for k := range 9 {
		if falls[k] > 0 {
			by = append(by, fmt.Sprintf("%d with %d", falls[k], k))
			sum += falls[k]
		}
	}
	fmt.Fprintf(out, "%d mutants in %.0f s: %d fall, by faults: %s; %d only fail a test, %d stand, each for a stated reason\n",
		all, took.Seconds(), sum, strings.Join(by, ", "), tested, stands)
}
