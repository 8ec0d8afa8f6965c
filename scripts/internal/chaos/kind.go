package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind of a fault, as --faults names it.
type Kind string

// The kinds.
const (
	Kill            Kind = "kill"         // -9 of a program
	Pause           Kind = "pause"        // a program stops for longer than its session lasts, loses its partitions, and goes on
	Restart         Kind = "restart"      // SIGTERM of a program
	Rebalance       Kind = "rebalance"    // one more replica joins and leaves
	CutPostgres     Kind = "cut-postgres" // of one program's connections; as cut-kafka and cut-provider: a reset, a link that is down, or a silent one
	CutKafka        Kind = "cut-kafka"
	CutProvider     Kind = "cut-provider"
	DelayPostgres   Kind = "delay-postgres" // of every byte of one program's
	DelayKafka      Kind = "delay-kafka"
	DelayProvider   Kind = "delay-provider"
	LoseCommit      Kind = "lose-commit" // the connection ends in place of the answer
	DropCommit      Kind = "drop-commit" // the connection ends in place of the COMMIT
	Outage          Kind = "outage"      // of every replica of a service, for longer than a step's deadline
	OutageBroker    Kind = "outage-broker"
	KillBroker      Kind = "kill-broker"
	RestartBroker   Kind = "restart-broker"
	PauseBroker     Kind = "pause-broker"
	FillBroker      Kind = "fill-broker" // its disk is full
	KillPostgres    Kind = "kill-postgres"
	RestartPostgres Kind = "restart-postgres"
	PausePostgres   Kind = "pause-postgres"
	FillPostgres    Kind = "fill-postgres"
)

// sessionTimeout is the programs': who is away for longer loses its partitions.
const sessionTimeout = 6 * time.Second

// stepDeadline is the order saga's, for every step that has one.
const stepDeadline = time.Minute

// design is how a kind is used: how often on average, how many in the shortest run, for how long, and by whom. A short run
// has no room for what lasts longer than a step's deadline.
type design struct {
	kind   Kind
	every  time.Duration
	least  int
	lasts  [2]time.Duration
	strike func(stroke, context.Context) error
}

func designs() []design {
	const ms, s = time.Millisecond, time.Second
	between := func(a, b time.Duration) [2]time.Duration { return [2]time.Duration{a, b} }
	return []design{
		{Kill, 5 * s, 4, between(50*ms, 1500*ms), stroke.kill},
		{Pause, 16 * s, 2, between(7*s, 9*s), stroke.pause},
		{Restart, 20 * s, 2, between(50*ms, 1*s), stroke.restart},
		{Rebalance, 15 * s, 2, between(1*s, 3*s), stroke.rebalance},
		{CutPostgres, 6 * s, 3, between(100*ms, 4*s), stroke.cutPostgres},
		{CutKafka, 6 * s, 3, between(100*ms, 4*s), stroke.cutKafka},
		{CutProvider, 10 * s, 3, between(100*ms, 4*s), stroke.cutProvider},
		{DelayPostgres, 15 * s, 2, between(2*s, 6*s), stroke.delayPostgres},
		{DelayKafka, 15 * s, 2, between(2*s, 6*s), stroke.delayKafka},
		{DelayProvider, 15 * s, 2, between(2*s, 6*s), stroke.delayProvider},
		{LoseCommit, 1500 * ms, 10, between(5*s, 5*s), stroke.loseCommit},
		{DropCommit, 4 * s, 5, between(5*s, 5*s), stroke.dropCommit},
		{Outage, 200 * s, 0, between(stepDeadline+5*s, stepDeadline+30*s), stroke.outage},
		{OutageBroker, 500 * s, 0, between(stepDeadline+5*s, stepDeadline+30*s), stroke.outageBroker},
		{KillBroker, 80 * s, 1, between(100*ms, 2*s), stroke.killBroker},
		{RestartBroker, 80 * s, 1, between(100*ms, 1*s), stroke.restartBroker},
		{PauseBroker, 300 * s, 1, between(2*s, 8*s), stroke.pauseBroker},
		{FillBroker, 400 * s, 1, between(500*ms, 2*s), stroke.fillBroker},
		{KillPostgres, 80 * s, 1, between(50*ms, 1*s), stroke.killPostgres},
		{RestartPostgres, 80 * s, 1, between(50*ms, 1*s), stroke.restartPostgres},
		{PausePostgres, 300 * s, 1, between(2*s, 8*s), stroke.pausePostgres},
		{FillPostgres, 400 * s, 1, between(500*ms, 2*s), stroke.fillPostgres},
	}
}

// Kinds returns all kinds in the order of the report.
func Kinds() []Kind {
	var out []Kind
	for _, d := range designs() {
		out = append(out, d.kind)
	}
	return out
}

// ParseKinds reads a comma-separated list; "" is all.
func ParseKinds(list string) ([]Kind, error) {
	all := Kinds()
	if list == "" {
		return all, nil
	}
	var out []Kind
	for name := range strings.SplitSeq(list, ",") {
		k := Kind(strings.TrimSpace(name))
		if !slices.Contains(all, k) {
			return nil, fmt.Errorf("fault %q is none of %v", k, all)
		}
		out = append(out, k)
	}
	return out, nil
}
