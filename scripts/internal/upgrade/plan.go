package upgrade

import (
	"fmt"
	"math/rand/v2"
)

// Version is one of the two builds.
type Version string

// The two builds: n−1 and n.
const (
	Earlier Version = "earlier"
	Later   Version = "later"
)

// Action is what a step does.
type Action string

// The actions.
const (
	Rest    Action = "rest"    // let it run for a while
	Migrate Action = "migrate" // every database, with the programs of a version
	Replace Action = "replace" // stop a replica and start it in a version, which may be the one that it has
)

// Step is one of a plan.
type Step struct {
	Action  Action
	Program string  // "order-1", of Replace
	To      Version // "" of Rest
}

// Plan replaces every replica by the later version and back, one at a time, in an order drawn from the seed in which half way
// every service runs in both. There, on the schema that the later version migrated, a replica of the earlier one is started
// again as what it is, and its migrations are tried.
func Plan(services []string, replicas int, seed uint64) []Step {
	r := rand.New(rand.NewPCG(seed, 0))
	up, down := rounds(r, services, replicas), rounds(r, services, replicas)
	half := replicas / 2 * len(services)
	plan := []Step{{Action: Rest}, {Action: Migrate, To: Later}}
	plan = append(plan, swaps(up[:half], Later)...)
	again := up[half+r.IntN(len(up)-half)]
	plan = append(plan, Step{Action: Rest}, Step{Action: Migrate, To: Earlier}, Step{Replace, again, Earlier})
	plan = append(plan, swaps(up[half:], Later)...)
	plan = append(plan, Step{Action: Rest})
	plan = append(plan, swaps(down[:half], Earlier)...)
	plan = append(plan, Step{Action: Rest})
	plan = append(plan, swaps(down[half:], Earlier)...)
	return append(plan, Step{Action: Rest})
}

// rounds are all programs in a drawn order: one replica of every service, then another of every service, and so on.
func rounds(r *rand.Rand, services []string, replicas int) (programs []string) {
	of := make([][]int, len(services))
	for i := range of {
		of[i] = r.Perm(replicas)
	}
	for round := range replicas {
		for _, i := range r.Perm(len(services)) {
			programs = append(programs, fmt.Sprintf("%s-%d", services[i], of[i][round]+1))
		}
	}
	return programs
}

func swaps(programs []string, to Version) (steps []Step) {
	for _, p := range programs {
		steps = append(steps, Step{Replace, p, to})
	}
	return steps
}
