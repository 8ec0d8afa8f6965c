package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"ordersaga.internal/scripts/internal/check"
)

// progress shows how many records were read.
func progress(out io.Writer) func(done, total int64) {
	var mu sync.Mutex
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if bar == nil {
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("reading"),
				progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set64(min(done, total)) // progress that nobody sees is no error
	}
}

// show prints the verdict.
func show(out io.Writer, format string, v *check.Verdict, took time.Duration) error {
	perSecond := float64(v.Orders) / max(took.Seconds(), 1e-6)
	if format == "json" {
		err := json.NewEncoder(out).Encode(struct {
			*check.Verdict
			Seconds   float64 `json:"seconds"`
			PerSecond float64 `json:"orders_per_s"`
		}{v, took.Seconds(), perSecond})
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		return nil
	}
	fmt.Fprintf(out, "orders    %9d   completed %d, rejected %d, cancelled %d, open %d\n", v.Orders,
		v.Outcomes["completed"], v.Outcomes["rejected"], v.Outcomes["cancelled"], v.Outcomes["open"])
	fmt.Fprintf(out, "records   %9d   of these %d repeated an earlier one\n", v.Records, v.Repeats)
	fmt.Fprintf(out, "ledger    %9d   lines\n", v.Ledger)
	fmt.Fprintf(out, "took      %9.1f   s, %.0f orders/s\n", took.Seconds(), perSecond)
	for _, cause := range slices.Sorted(maps.Keys(v.Excused)) {
		fmt.Fprintf(out, "%s: %d\n", cause, v.Excused[cause])
		for _, e := range v.Excuses {
			if e.Cause == cause {
				fmt.Fprintf(out, "  order %s  %s\n", e.Order, e.Detail)
			}
		}
	}
	if v.Holds {
		fmt.Fprintln(out, "holds")
		return nil
	}
	fmt.Fprintln(out, "does not hold:")
	for _, violation := range v.Violations {
		fmt.Fprintln(out, " ", violation)
	}
	listed := map[check.Invariant]int{}
	for _, violation := range v.Violations {
		listed[violation.Invariant]++
	}
	for _, i := range slices.Sorted(maps.Keys(v.Counts)) {
		if more := v.Counts[i] - listed[i]; more > 0 {
			fmt.Fprintf(out, "  %s: %d more\n", i, more)
		}
	}
	return nil
}
