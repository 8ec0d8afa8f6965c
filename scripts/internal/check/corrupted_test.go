package check_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/check"
)

// corruption is a way in which a history can be wrong. want is the invariant that must catch it, with more where other tables
// and topics then contradict what was tampered with; says is in a violation's sentence.
type corruption struct {
	name   string
	tamper func(h *history)
	want   string // the first is the one that it is about
	says   string
}

func corruptions() []corruption {
	all := []corruption{}
	for _, part := range [][]corruption{wireCorruptions(), promiseCorruptions(), causeCorruptions(), moneyCorruptions(), goodsCorruptions(), tableCorruptions(), alertCorruptions(), versionCorruptions()} {
		all = append(all, part...)
	}
	return all
}

// Every corruption is caught, by the invariant that it breaks and by none that it does not.
func TestCorruptedHistoriesAreCaught(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(corruptions()), 30)
	for _, c := range corruptions() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := recorded(t)
			c.tamper(h)
			v := h.judge(check.Options{Parallel: 2})
			require.False(t, v.Holds)
			first, _, _ := strings.Cut(c.want, " ")
			require.Positive(t, v.Counts[check.Invariant(first)], "%s: %v", first, v.Violations)
			require.ElementsMatch(t, strings.Fields(c.want), strings.Fields(invariants(v)), "%v", v.Violations)
			said := false
			for _, violation := range v.Violations {
				said = said || string(violation.Invariant) == first && strings.Contains(violation.Text, c.says)
			}
			require.True(t, said, "nothing of %s says %q: %v", first, c.says, v.Violations)
		})
	}
}

// The history that was tampered with holds.
func TestCleanHistoryHolds(t *testing.T) {
	t.Parallel()
	h := recorded(t)
	v := h.judge(check.Options{Parallel: 2})
	require.Empty(t, v.Violations)
	require.True(t, v.Holds)
	require.Equal(t, len(h.Told.Accepted), v.Orders)
	require.Equal(t, int64(len(h.Log)), v.Records)
	require.Equal(t, int64(len(h.Lines)), v.Ledger)
	require.Equal(t, map[string]int{"waived": 1, "owed": 1, "behind a dead letter of warehouse": 1}, v.Excused)
}

// What looks odd and is legal is not accused.
func TestLegalHistoriesHold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		tamper func(h *history)
	}{
		{"an old message again, byte for byte", func(h *history) { h.append(h.record(completes, "StockReserved"), nil) }},
		{"an old command again, long after the end", func(h *history) { h.append(h.record(damaged, "DispatchOrder"), nil) }},
		{"a goods list in another order", func(h *history) {
			hold := h.rows(completes).Hold
			hold.Lines[0], hold.Lines[2] = hold.Lines[2], hold.Lines[0]
		}},
		{"the provider forgot a refusal and refused again", func(h *history) {
			e, _ := h.entry(declined, "authorize", "refused")
			e["forgotten"] = true
			h.enter(e, "again_1")
		}},
		{"a key without money is in the ledger twice", func(h *history) {
			e, _ := h.entry(captureRefused, "void", "succeeded")
			h.enter(e, "again_1")
		}},
		{"what alerts: a deadline storm", func(h *history) {
			h.Common.Storms = []string{"dispatch"}
			h.Common.Letters, h.Common.Heads = nil, nil
		}},
		{"a malformed record that somebody set aside", func(h *history) {
			r := h.append(h.record(completes, "ReserveStock"), func(r *check.Record) { set(r, "ce_type", "ReserveStock.v9") })
			h.Common.Letters = append(h.Common.Letters, check.Letter{
				Group: "warehouse", Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Reason: "unreadable",
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := recorded(t)
			tt.tamper(h)
			v := h.judge(check.Options{Parallel: 1})
			require.Empty(t, v.Violations)
		})
	}
}
