package httpapi

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Integer is a JSON Schema integer, for which 1.0 and 1e2 are integers too, up to 2^53−1.
type Integer int64

const maxInteger = 1<<53 - 1

var errNoInteger = errors.New("not an integer of at most 53 bits")

// UnmarshalJSON reads any spelling of an integer.
func (i *Integer) UnmarshalJSON(b []byte) error {
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil && n >= -maxInteger && n <= maxInteger {
		*i = Integer(n)
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxInteger {
		return fmt.Errorf("%w: %.20s", errNoInteger, b)
	}
	*i = Integer(f)
	return nil
}
