//go:build duplicator

package messaging

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What became of a repeat, or was done to the machine.
const (
	sameBatch    = "same_batch"  // decided again in the same transaction
	laterBatch   = "later_batch" // decided again in a later one
	refusedAgain = "refused"     // the repeat got an error
	sentAgain    = "sent"        // the repeat sent something
)

// repeat is an input that came again: its kind (command, event, deadline, submitted), its name and what became of it.
type repeat struct{ kind, input, what string }

// repeats counts them.
type repeats struct{ inputs, faults *prometheus.CounterVec }

func newRepeats(r prometheus.Registerer) (*repeats, error) {
	c := &repeats{
		inputs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "duplicator_repeats_total", Help: "Inputs that were decided again.",
		}, []string{"kind", "input", "what"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "duplicator_faults_total", Help: "Loads and saves that failed, and topics that were delayed.",
		}, []string{"fault"}),
	}
	for _, v := range []prometheus.Collector{c.inputs, c.faults} {
		if err := r.Register(v); err != nil {
			return nil, fmt.Errorf("metrics of the duplicator: %w", err)
		}
	}
	return c, nil
}

func (c *repeats) add(all []repeat) {
	for _, r := range all {
		c.inputs.WithLabelValues(r.kind, r.input, r.what).Inc()
	}
}

// chance draws from a seed.
type chance struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func newChance(seed uint64) *chance { return &chance{rand: rand.New(rand.NewPCG(seed, 0))} }

func (c *chance) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

// of is true once in n times.
func (c *chance) of(n int) bool { return c.below(n) == 0 }

// oneIn is how seldom a load or a save fails.
const oneIn = 25

// fail returns an error that may pass, as PostgreSQL says that two transactions cannot both be, once in a while.
func (c *chance) fail(doing string, counts *repeats) error {
	if !c.of(oneIn) {
		return nil
	}
	counts.faults.WithLabelValues(doing).Inc()
	return &pgconn.PgError{Severity: "ERROR", Code: "40001", Message: "the duplicator lets this " + doing + " fail"}
}

const (
	longestDelay = 50 * time.Millisecond
	longestRest  = 200 * time.Millisecond
)

// delay holds back one topic after the other for a moment, so that what several sources say of one subject is read in
// another order than it was said. It ends with the client.
func delay(client *kgo.Client, c *chance, counts *repeats) {
	wait := func(longest time.Duration) bool {
		t := time.NewTimer(time.Duration(c.below(int(longest))))
		defer t.Stop()
		select {
		case <-client.Context().Done():
			return false
		case <-t.C:
			return true
		}
	}
	for wait(longestRest) {
		topics := client.GetConsumeTopics()
		if len(topics) == 0 {
			continue
		}
		slices.Sort(topics)
		topic := topics[c.below(len(topics))]
		client.PauseFetchTopics(topic)
		counts.faults.WithLabelValues("delay").Inc()
		wait(longestDelay)
		client.ResumeFetchTopics(topic)
	}
}

// copied returns the message with a body of its own where that is a pointer: results are written into it.
func copied(m Message) Message {
	if v := reflect.ValueOf(m.Body); v.Kind() == reflect.Pointer && !v.IsNil() {
		body := reflect.New(v.Type().Elem())
		body.Elem().Set(v.Elem())
		m.Body = body.Interface()
	}
	return m
}

func copies(in []Message) []Message {
	out := make([]Message, len(in))
	for i := range in {
		out[i] = copied(in[i])
	}
	return out
}

// nameOfInput is the name of a message's type, or of a submitted body's.
func nameOfInput(m *Message) string {
	if m.Topic == "" {
		return fmt.Sprintf("%T", m.Body)
	}
	return nameOf(m.Type)
}
