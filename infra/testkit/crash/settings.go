package crash

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// settings of a run of everything; the package's documentation lists them.
type settings struct {
	lanes    int
	looks    int
	pairs    int
	seed     uint64
	only     string // scenario
	replay   string // "SCENARIO: FAULTS"
	times    int    // of a replay
	patience time.Duration
}

const prefix = "ORDERSAGA_CRASH_"

func readSettings() (s settings, err error) {
	number := func(name string, value int) int {
		text := os.Getenv(prefix + name)
		if text == "" {
			return value
		}
		n, bad := strconv.Atoi(text)
		if bad != nil || n < 0 {
			err = fmt.Errorf("%s%s=%q is no number", prefix, name, text)
		}
		return n
	}
	s = settings{
		lanes: max(1, number("LANES", 16)), looks: max(1, number("LOOKS", 2)), pairs: number("PAIRS", 40), seed: uint64(number("SEED", 1)),
		only: os.Getenv(prefix + "ONLY"), replay: os.Getenv(prefix + "REPLAY"), times: max(1, number("TIMES", 1)),
		patience: time.Duration(number("PATIENCE", 45)) * time.Second,
	}
	return s, err
}
