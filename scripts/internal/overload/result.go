package overload

import (
	"time"

	"ordersaga.internal/scripts/internal/load"
)

// Phase is what one part of the run came to.
type Phase struct {
	Seconds  float64 `json:"seconds"`
	Offered  int     `json:"offered"`
	Accepted int     `json:"accepted"`
	Shed     int     `json:"shed"`
	Goodput  float64 `json:"accepted_per_s"`

	Accepting load.Times `json:"to_accepted"`    // from the request to its 202
	Ending    load.Times `json:"to_end"`         // from the 202's request to the order's end, as a tap reads it
	Shedding  load.Times `json:"to_refusal"`     // to the 503
	Reading   load.Times `json:"read"`           // to the 200
	Canceling load.Times `json:"cancel"`         // to the 202, or 409 where the order had ended
	Repeating load.Times `json:"repeat"`         // to the 202 of a request that repeats an accepted one
	Late      load.Times `json:"generator_late"` // how much later than planned the requests were sent

	RepeatsShed int `json:"repeats_shed"`
	SlowShed    int `json:"refusals_of_100_ms_or_more"`
}

// slow is what a refusal should never take.
const slow = 100 * time.Millisecond

// Summarize tells what the answers of one part come to.
func Summarize(answers []Answer, d time.Duration, ends *load.Ends) Phase {
	p := Phase{Seconds: d.Seconds()}
	var done [kinds][]time.Duration
	var shed, late, ended []time.Duration
	for i := range answers {
		a := &answers[i]
		late = append(late, a.Late)
		switch {
		case a.Outcome == Done:
			done[a.Kind] = append(done[a.Kind], a.Took)
		case a.Outcome == Shed:
			shed = append(shed, a.Took)
			if a.Took >= slow {
				p.SlowShed++
			}
			if a.Kind == Repeat {
				p.RepeatsShed++
			}
		}
		if a.Kind != Place {
			continue
		}
		p.Offered++
		switch a.Outcome {
		case Shed:
			p.Shed++
		case Done:
			if end, ok := ends.Of(a.Order); ok {
				p.Accepted++
				ended = append(ended, end.At.Sub(a.Sent))
			}
		case Broken:
		}
	}
	p.Goodput = float64(p.Accepted) / p.Seconds
	p.Accepting, p.Reading, p.Canceling, p.Repeating = load.TimesOf(done[Place]), load.TimesOf(done[Read]), load.TimesOf(done[Cancel]), load.TimesOf(done[Repeat])
	p.Ending, p.Shedding, p.Late = load.TimesOf(ended), load.TimesOf(shed), load.TimesOf(late)
	return p
}

// window is the length of what is compared to tell when all is normal again, calm how many in a row must be.
const (
	window = time.Second
	calm   = 5
)

// Recovery returns how long after begin it takes until nothing is shed and placing and ending take at most twice as long as
// before, half of the orders of each second, for some seconds in a row. ok is false where that is not seen.
func Recovery(answers []Answer, begin time.Time, before Phase, ends *load.Ends) (after time.Duration, ok bool) {
	type second struct {
		shed           bool
		accept, ending []time.Duration
	}
	var seconds []second
	for i := range answers {
		a := &answers[i]
		if a.Kind != Place {
			continue
		}
		n := int(a.Sent.Sub(begin) / window)
		for len(seconds) <= n {
			seconds = append(seconds, second{})
		}
		s := &seconds[n]
		end, known := ends.Of(a.Order)
		if a.Outcome != Done || !known {
			s.shed = true
			continue
		}
		s.accept, s.ending = append(s.accept, a.Took), append(s.ending, end.At.Sub(a.Sent))
	}
	inARow := 0
	for n := range seconds {
		s := &seconds[n]
		normal := !s.shed && load.TimesOf(s.accept).P50 <= 2*before.Accepting.P50 && load.TimesOf(s.ending).P50 <= 2*before.Ending.P50
		if inARow++; !normal {
			inARow = 0
		}
		if inARow == calm {
			return time.Duration(n+1-calm) * window, true
		}
	}
	return 0, false
}
