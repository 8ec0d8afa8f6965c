package chaos

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// Fault is one that is planned.
type Fault struct {
	At    time.Duration // from the beginning
	Kind  Kind
	Pick  uint64        // chooses among those whom it may befall
	Lasts time.Duration // until it is over, or what was killed starts again
}

// Plan draws the faults of a run: the same from the same seed, each kind's spread evenly over the time. A kind's draws do
// not depend on which others take part.
func Plan(seed uint64, length time.Duration, kinds []Kind) []Fault {
	var plan []Fault
	for _, d := range designs() {
		if !slices.Contains(kinds, d.kind) {
			continue
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(d.kind)) // never fails
		r := rand.New(rand.NewPCG(seed, h.Sum64()))
		n := max(d.least, int(length/d.every))
		if n == 0 {
			continue
		}
		slot := length / time.Duration(n)
		for i := range n {
			f := Fault{At: slot*time.Duration(i) + rand64(r, slot), Kind: d.kind, Pick: r.Uint64(), Lasts: d.lasts[0]}
			f.Lasts += rand64(r, d.lasts[1]-d.lasts[0])
			plan = append(plan, f)
		}
	}
	slices.SortStableFunc(plan, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return plan
}

func rand64(r *rand.Rand, below time.Duration) time.Duration {
	if below <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(below)))
}
