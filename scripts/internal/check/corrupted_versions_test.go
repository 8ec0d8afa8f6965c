package check_test

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/check"
)

// second makes an order's OrderPlaced one of version 2, without shipping.
func (h *history) second(life int) *check.Record {
	h.t.Helper()
	r := h.record(life, "OrderPlaced")
	set(r, "ce_type", "OrderPlaced.v2")
	total := regexp.MustCompile(`"total":(\{[^}]*"currency":"EUR"\})`)
	require.Regexp(h.t, total, string(r.Value))
	r.Value = total.ReplaceAll(r.Value, []byte(`"price":{"goods":$1,"shipping":{"amount_minor":0,"currency":"EUR"},"total":$1}`))
	for i := range h.rows(life).History {
		if row := &h.rows(life).History[i]; row.Type == "OrderPlaced.v1" {
			row.Type = "OrderPlaced.v2"
		}
	}
	return r
}

// Half of a log in each version of OrderPlaced is as good as one in a single version.
func TestOldAndNewVersionsHold(t *testing.T) {
	t.Parallel()
	h := recorded(t)
	for life := 0; life < len(h.Told.Accepted); life += 2 {
		h.second(life)
	}
	v := h.judge(check.Options{Parallel: 2})
	require.Empty(t, v.Violations)
	require.True(t, v.Holds)
}

func versionCorruptions() []corruption {
	return []corruption{
		{"a version that says what the other promises", func(h *history) { set(h.record(completes, "OrderPlaced"), "ce_type", "OrderPlaced.v2") },
			"wire promise cause effect I2 I8", "its value is not what OrderPlaced.v2 promises"},
		{"the first version with a price", func(h *history) { set(h.second(completes), "ce_type", "OrderPlaced.v1") },
			"wire promise cause effect I2 I8", "its value is not what OrderPlaced.v1 promises"},
		{"shipping that is not in the total", func(h *history) {
			r := h.second(completes)
			r.Value = bytes.Replace(r.Value, []byte(`"shipping":{"amount_minor":0`), []byte(`"shipping":{"amount_minor":490`), 1)
		}, "I1", "goods for"},
	}
}
