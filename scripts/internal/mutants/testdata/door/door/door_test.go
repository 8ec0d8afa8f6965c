package door

import "testing"

func TestLog(t *testing.T) {
	var log []string
	for _, age := range []int{11, 12, 13} {
		Allows(Guest{Age: age}, &log)
	}
	if len(log) != 2 {
		t.Error(log)
	}
}

func TestBounds(t *testing.T) {
	if Allows(Guest{Age: 151}, new([]string)) {
		t.Error("too old")
	}
}
