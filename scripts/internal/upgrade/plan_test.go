package upgrade

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var some = []string{"order", "payment", "warehouse"}

func TestPlanComesFromItsSeed(t *testing.T) {
	t.Parallel()
	require.Equal(t, Plan(some, 2, 7), Plan(some, 2, 7))
	require.NotEqual(t, Plan(some, 2, 7), Plan(some, 2, 8))
}

// Played through for many seeds: what runs in which version, and what is seen at each rest.
func TestPlanGoesThereAndBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		for replicas := 2; replicas <= 4; replicas++ {
			playPlan(t, replicas, Plan(some, replicas, seed))
		}
	}
}

func playPlan(t *testing.T, replicas int, plan []Step) {
	t.Helper()
	runs := map[string]Version{}
	for _, p := range swaps(rounds(rand.New(rand.NewPCG(1, 1)), some, replicas), Earlier) {
		runs[p.Program] = Earlier
	}
	require.Len(t, runs, len(some)*replicas)
	var rests []string
	migrated, triedEarlier, replacedBySame := false, false, 0
	for _, s := range plan {
		switch s.Action {
		case Rest:
			rests = append(rests, seen(runs))
		case Migrate:
			require.Equal(t, s.To == Earlier, migrated, "the later version migrates, then the earlier one")
			migrated, triedEarlier = true, s.To == Earlier
		case Replace:
			require.Contains(t, runs, s.Program)
			require.True(t, migrated, "nothing later runs, or earlier is started again, before the migration")
			if runs[s.Program] == s.To {
				replacedBySame++
				require.Equal(t, Earlier, s.To)
				require.Equal(t, "mixed", seen(runs))
			}
			runs[s.Program] = s.To
		}
	}
	require.True(t, triedEarlier)
	require.Equal(t, 1, replacedBySame)
	require.Equal(t, []string{"earlier", "mixed", "later", "mixed", "earlier"}, rests)
}

// seen is the version of all programs, or "mixed" where every service runs in both.
func seen(runs map[string]Version) string {
	of := map[string]map[Version]bool{}
	for program, v := range runs {
		service := program[:len(program)-2]
		if of[service] == nil {
			of[service] = map[Version]bool{}
		}
		of[service][v] = true
	}
	all := map[string]bool{}
	for _, versions := range of {
		name := "mixed"
		if len(versions) == 1 {
			name = string(slices.Collect(maps.Keys(versions))[0])
		}
		all[name] = true
	}
	if len(all) != 1 {
		return "some mixed"
	}
	return slices.Collect(maps.Keys(all))[0]
}
