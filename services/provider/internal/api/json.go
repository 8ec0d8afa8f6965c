package api

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// integer is a JSON Schema integer, for which 5.0 and 5e2 are integers too, up to 2^53−1.
type integer int64

const maxInteger = 1<<53 - 1

var errNoInteger = errors.New("not a whole number of at most 53 bits")

// UnmarshalJSON reads any spelling of an integer.
func (i *integer) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxInteger {
		return errNoInteger
	}
	*i = integer(f) // exact: a float has 53 bits too
	return nil
}

// text is a string that may be absent, but not null.
type text string

var errNoString = errors.New("not a string")

// UnmarshalJSON takes a string only; the standard library takes null for absent.
func (t *text) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return errNoString
	}
	return json.Unmarshal(b, (*string)(t))
}
