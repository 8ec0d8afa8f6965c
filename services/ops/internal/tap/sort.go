package tap

import "slices"

// Sort orders records of several topics as they happened.
func Sort(records []Record) {
	slices.SortStableFunc(records, func(a, b Record) int { return a.Moment().Compare(b.Moment()) })
}
