package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlanComesFromItsSeed(t *testing.T) {
	t.Parallel()
	all := Plan(7, 3*time.Minute, Kinds())
	require.Equal(t, all, Plan(7, 3*time.Minute, Kinds()))
	require.NotEqual(t, all, Plan(8, 3*time.Minute, Kinds()))
	var kills []Fault // a kind's faults are the same whoever else takes part
	for i, f := range all {
		require.GreaterOrEqual(t, f.At, time.Duration(0))
		require.Less(t, f.At, 3*time.Minute)
		require.True(t, i == 0 || all[i-1].At <= f.At)
		if f.Kind == Kill {
			kills = append(kills, f)
		}
	}
	require.Equal(t, kills, Plan(7, 3*time.Minute, []Kind{Kill}))
}

// What a run of 20 minutes is meant to show, with room for faults that find nobody to befall; and that the shortest run
// has some of each.
func TestPlanIsDense(t *testing.T) {
	t.Parallel()
	count := func(length time.Duration) map[Kind]int {
		n := map[Kind]int{}
		for _, f := range Plan(1, length, Kinds()) {
			n[f.Kind]++
		}
		return n
	}
	long := count(20 * time.Minute)
	require.GreaterOrEqual(t, long[Kill], 220)
	require.GreaterOrEqual(t, long[Pause], 70)
	require.GreaterOrEqual(t, long[KillBroker]+long[RestartBroker], 28)
	require.GreaterOrEqual(t, long[KillPostgres]+long[RestartPostgres], 28)
	require.GreaterOrEqual(t, long[LoseCommit], 750)
	short := count(30 * time.Second)
	for _, k := range Kinds() {
		require.Equal(t, k == Outage || k == OutageBroker, short[k] == 0, k)
	}
}

func TestParseKinds(t *testing.T) {
	t.Parallel()
	all, err := ParseKinds("")
	require.NoError(t, err)
	require.Equal(t, Kinds(), all)
	some, err := ParseKinds("kill, lose-commit")
	require.NoError(t, err)
	require.Equal(t, []Kind{Kill, LoseCommit}, some)
	_, err = ParseKinds("kill,earthquake")
	require.ErrorContains(t, err, `"earthquake"`)
}
