package tap

import (
	"cmp"
	"slices"
)

// Sort orders records of several topics as they happened: by when they were written, within a millisecond by when they were decided.
func Sort(records []Record) {
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(a.WrittenAt.Compare(b.WrittenAt), cmp.Compare(a.Headers["ce_time"], b.Headers["ce_time"]))
	})
}
