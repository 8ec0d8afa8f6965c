package poison

import (
	"slices"
	"time"

	"ordersaga.internal/scripts/internal/load"
)

// Window is what the orders that are not marked came to in a stretch of time.
type Window struct {
	Orders int        `json:"orders"`      // placed in it, the others' and the marked ones
	PerS   float64    `json:"ended_per_s"` // of the others
	Ending load.Times `json:"to_end"`      // of the others, from their 202, as a tap reads it
	CPU    float64    `json:"cpu_s_per_1000"`

	CPUByProcess map[string]float64 `json:"cpu_s_per_1000_by_process"`
}

// Sum tells what the time from begin to end came to. before and after are the CPU seconds of every process then.
func Sum(placed []Placed, ends *load.Ends, begin, end time.Time, before, after map[string]float64) Window {
	w := Window{CPUByProcess: map[string]float64{}}
	var took []time.Duration
	ended := 0
	for i := range placed {
		p := &placed[i]
		within := inside(p.Due, begin, end)
		if within {
			w.Orders++
		}
		if p.Marked {
			continue
		}
		over, ok := ends.Of(p.ID)
		if ok && inside(over.At, begin, end) {
			ended++
		}
		if ok && within {
			took = append(took, over.At.Sub(p.Accepted))
		}
	}
	w.PerS = float64(ended) / end.Sub(begin).Seconds()
	w.Ending = load.TimesOf(took)
	for name, used := range after {
		per := (used - before[name]) / float64(max(1, w.Orders)) * 1000
		w.CPUByProcess[name] = per
		w.CPU += per
	}
	return w
}

func inside(at, begin, end time.Time) bool { return !at.Before(begin) && at.Before(end) }

// Pair is two windows, one after the other.
type Pair struct {
	Clean    Window `json:"clean"`
	Poisoned Window `json:"poisoned"`
}

// Loss of something of which much is good, as a share of the clean window's.
func loss(clean, poisoned float64) float64 {
	if clean == 0 {
		return 0
	}
	return 1 - poisoned/clean
}

// Throughput is how much of it is lost.
func (p *Pair) Throughput() float64 { return loss(p.Clean.PerS, p.Poisoned.PerS) }

// Median is by how much half of the orders take longer.
func (p *Pair) Median() float64 { return -loss(p.Clean.Ending.P50, p.Poisoned.Ending.P50) }

// Of returns the median over pairs.
func Of(pairs []Pair, what func(*Pair) float64) float64 {
	all := make([]float64, len(pairs))
	for i := range pairs {
		all[i] = what(&pairs[i])
	}
	return middle(all)
}

func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
