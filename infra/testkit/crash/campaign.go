package crash

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Config says what is put through everything.
type Config[W World[I], I Incarnation] struct {
	World     func(t *testing.T) W // a new one, which ends with the test
	Scenarios []Scenario[W, I]
}

const (
	recordings = 5 // undisturbed runs of each scenario: what most of them pass are its points
	tries      = 3 // of a fault that did not happen
)

// Everywhere kills the program at every point of every scenario, in every mode, and then at pairs of points, and fails the
// test where it does not end well. See the package's documentation.
func Everywhere[W World[I], I Incarnation](t *testing.T, c Config[W, I]) {
	t.Helper()
	set, err := readSettings()
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // thousands of short lives
	report := examine(t, c, set)
	t.Log("=>", report) // scripts/test shows it
	if set.replay != "" && report.Singles+report.Pairs == 0 && len(report.Violations) == 0 {
		t.Errorf("what was to be replayed did not happen: %v", report.Never)
	}
	if set.replay == "" || len(report.Violations) > 0 {
		report.judge(t)
	}
}

func examine[W World[I], I Incarnation](t *testing.T, c Config[W, I], set settings) *Report {
	t.Helper()
	began := time.Now()
	m := &campaign[W, I]{t: t, set: set, expected: map[string]string{}, report: &Report{}}
	for _, sc := range c.Scenarios {
		if set.only == "" || set.only == sc.Name {
			m.scenarios = append(m.scenarios, sc)
		}
	}
	for range set.lanes {
		l := &lane[W, I]{world: c.World(t)}
		defer l.working.Wait()
		defer l.kill()
		if err := l.begin(nil); err != nil {
			t.Fatal(err)
		}
		m.lanes = append(m.lanes, l)
	}
	if set.replay != "" {
		m.replay()
	} else {
		m.everything()
	}
	m.report.Took = time.Since(began)
	for _, l := range m.lanes {
		l.kill() // all, before the first is waited for
	}
	return m.report
}

// task is one run to be made.
type task[W World[I], I Incarnation] struct {
	sc   *Scenario[W, I]
	plan Faults
	try  int
}

// campaign is all runs of a Config.
type campaign[W World[I], I Incarnation] struct {
	t         *testing.T
	set       settings
	scenarios []Scenario[W, I]
	lanes     []*lane[W, I]

	mu       sync.Mutex
	expected map[string]string // what the undisturbed end of a scenario tells
	report   *Report
}

func (m *campaign[W, I]) everything() {
	recorded := m.record(m.scenarios)
	var singles []task[W, I]
	for i := range m.scenarios {
		sc := &m.scenarios[i]
		points := m.common(sc, recorded[sc.Name])
		m.report.Points += len(points)
		m.t.Logf("%s: %d points", sc.Name, len(points))
		for _, p := range points {
			for _, mode := range Modes {
				singles = append(singles, task[W, I]{sc: sc, plan: Faults{{p, mode}}})
			}
		}
	}
	rng := rand.New(rand.NewPCG(m.set.seed, 0))
	rng.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
	slices.SortStableFunc(singles, func(a, b task[W, I]) int { // whole lives last: between them nobody need live
		switch {
		case a.sc.Whole == b.sc.Whole:
			return 0
		case b.sc.Whole:
			return -1
		}
		return 1
	})
	type crashed struct {
		task[W, I]
		after []Point
	}
	var recoveries []crashed
	m.work(singles, func(t task[W, I], r result) {
		m.report.Singles++
		if after := r.script.seen(1); len(after) > 0 {
			recoveries = append(recoveries, crashed{t, after})
		}
	})
	if len(recoveries) == 0 {
		return
	}
	slices.SortFunc(recoveries, func(a, b crashed) int {
		return strings.Compare(a.sc.Name+a.plan.String(), b.sc.Name+b.plan.String())
	})
	var pairs []task[W, I]
	for range m.set.pairs {
		first := recoveries[rng.IntN(len(recoveries))]
		second := Fault{first.after[rng.IntN(len(first.after))], Modes[rng.IntN(len(Modes))]}
		pairs = append(pairs, task[W, I]{sc: first.sc, plan: Faults{first.plan[0], second}})
	}
	m.work(pairs, func(task[W, I], result) { m.report.Pairs++ })
}

// record plays scenarios undisturbed. They must end in the same way each time.
func (m *campaign[W, I]) record(scenarios []Scenario[W, I]) map[string][]result {
	var tasks []task[W, I]
	for range recordings {
		for i := range scenarios {
			tasks = append(tasks, task[W, I]{sc: &scenarios[i]})
		}
	}
	recorded := map[string][]result{}
	m.work(tasks, func(t task[W, I], r result) { recorded[t.sc.Name] = append(recorded[t.sc.Name], r) })
	return recorded
}

// common returns the points that most runs passed.
func (m *campaign[W, I]) common(sc *Scenario[W, I], runs []result) (points []Point) {
	passed := map[Point]int{}
	for _, r := range runs {
		for _, p := range r.script.seen(0) {
			if sc.Whole || !once(p.Kind) {
				passed[p]++
			}
		}
	}
	for p, n := range passed {
		enough := sc.Most > 0 && p.Nth > sc.Most || looks[p.Kind] && p.Nth > m.set.looks
		if 2*n > len(runs) && !enough {
			points = append(points, p)
		}
	}
	slices.SortFunc(points, func(a, b Point) int { return cmp.Or(strings.Compare(a.Kind, b.Kind), cmp.Compare(a.Nth, b.Nth)) })
	return points
}

// once tells what a connection or a client does when it is first used. It counts where a program's whole life is looked at:
// elsewhere it may have happened before.
func once(kind string) bool {
	switch kind {
	case connectKind, "kafka ApiVersions", "kafka InitProducerID", "kafka GetTelemetrySubscriptions":
		return true
	}
	return strings.HasPrefix(kind, prepareKind)
}

// looks change nothing and are repeated as time passes: how many there are tells how long a run took, not what it did.
var looks = map[string]bool{
	"kafka Fetch": true, "kafka Metadata": true, "kafka ListOffsets": true, "kafka Heartbeat": true, "kafka PushTelemetry": true,
}

func (m *campaign[W, I]) replay() {
	name, faults, _ := strings.Cut(m.set.replay, ": ")
	plan, err := parseFaults(faults)
	at := slices.IndexFunc(m.scenarios, func(s Scenario[W, I]) bool { return s.Name == name })
	if err != nil || at < 0 {
		m.t.Fatalf("%sREPLAY=%q: want SCENARIO: FAULTS, and that scenario: %v", prefix, m.set.replay, err)
	}
	m.record(m.scenarios[at : at+1])
	m.report.Points = len(plan)
	var tasks []task[W, I]
	for range m.set.times {
		tasks = append(tasks, task[W, I]{sc: &m.scenarios[at], plan: plan})
	}
	m.work(tasks, func(_ task[W, I], r result) {
		if m.set.times == 1 {
			for n := range len(plan) + 1 {
				m.t.Logf("passed: %s", trail(r.script.seen(n)))
			}
		}
		if len(plan) > 1 {
			m.report.Pairs++
		} else {
			m.report.Singles++
		}
	})
}

// work makes the runs, a lane each at a time, and calls done for each that went as planned and ended well. A lane with a
// violation makes no more: what that left behind is no place for another run.
func (m *campaign[W, I]) work(tasks []task[W, I], done func(task[W, I], result)) {
	if len(tasks) == 0 {
		return
	}
	queue := make(chan task[W, I], len(tasks)*tries)
	for _, t := range tasks {
		queue <- t
	}
	var left atomic.Int64
	left.Store(int64(len(tasks)))
	var working sync.WaitGroup
	for _, l := range m.lanes {
		if l.trouble() != nil {
			continue
		}
		working.Go(func() {
			for t := range queue {
				if broken := m.turn(l, t, queue, &left, done); broken {
					return
				}
			}
		})
	}
	working.Wait()
	if n := left.Load(); n > 0 {
		m.report.Violations = append(m.report.Violations, fmt.Sprintf("%d runs were not made: every world is broken", n))
	}
}

// turn makes a run, or ends with the goroutine where what is played fails the test.
func (m *campaign[W, I]) turn(l *lane[W, I], t task[W, I], queue chan task[W, I], left *atomic.Int64, done func(task[W, I], result)) (broken bool) {
	again := false
	defer func() {
		if again {
			t.try++
			queue <- t
		} else if left.Add(-1) == 0 {
			close(queue)
		}
	}()
	again, broken = m.one(l, t, done)
	return broken
}

// one makes a run. again: because a fault did not happen.
func (m *campaign[W, I]) one(l *lane[W, I], t task[W, I], done func(task[W, I], result)) (again, broken bool) {
	r := l.run(*t.sc, t.plan, m.set.patience)
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.err == nil {
		expected, known := m.expected[t.sc.Name]
		if !known {
			m.expected[t.sc.Name] = r.outcome
		} else if r.outcome != expected {
			r.err = fmt.Errorf("it did not end as when nothing happens:\n%s", difference(expected, r.outcome))
		}
	}
	switch {
	case r.err != nil:
		l.fail(r.err)
		m.report.Violations = append(m.report.Violations, violation(m.t, t.sc.Name, t.plan, r))
		return false, true
	case r.fired == len(t.plan):
		done(t, r)
	case t.try+1 < tries:
		return true, false
	default:
		m.report.Never = append(m.report.Never, t.sc.Name+": "+t.plan.String())
	}
	return false, false
}
