package repeats

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// enough is a run with which nothing is wrong.
func enough() (c Counts) {
	for _, w := range wanted {
		for _, when := range []string{"same_batch", "later_batch"} {
			c = append(c, Count{Program: w.program, Kind: w.kind, Input: w.input, What: when, N: 1})
		}
	}
	for _, f := range []string{"load", "save", "delay"} {
		c = append(c, Count{Program: "order", Kind: "fault", Input: f, What: "injected", N: 1})
	}
	return c
}

func TestJudge(t *testing.T) {
	t.Parallel()
	require.Empty(t, enough().Judge())
	for i := range enough() { // whatever never happened is missed
		c := enough()
		c[i].N = 0
		require.Len(t, c.Judge(), 1, "%+v", c[i])
	}
	with := func(kind, what string) []string {
		return append(enough(), Count{Program: "order", Kind: kind, Input: "x", What: what, N: 1}).Judge()
	}
	require.Empty(t, with("submitted", "refused"), "a request whose order has gone on")
	require.Len(t, with("command", "refused"), 1)
	require.Len(t, with("submitted", "sent"), 1)
}

func TestAdd(t *testing.T) {
	t.Parallel()
	a := Count{Program: "order", Kind: "command", Input: "x", What: "same_batch", N: 2}
	b := Count{Program: "order", Kind: "command", Input: "x", What: "later_batch", N: 1}
	require.Equal(t, Counts{{"order", "command", "x", "same_batch", 4}, b}, Counts{a}.Add(Counts{b, a}))
}
