package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Source is where the facts come from. Records and Rows are called from several goroutines at once.
type Source interface {
	// Rest says how far everybody has come.
	Rest(ctx context.Context) (Rest, error)
	// Records calls see with the records of one partition number of all topics, each topic's in the order of offsets from
	// its first one up to the end that the given Rest says. The record is see's only until it returns.
	Records(ctx context.Context, partition int32, upTo Rest, see func(*Record) error) error
	// Ledger calls see with every line of the provider's ledger, oldest first.
	Ledger(ctx context.Context, see func(line []byte) error) error
	// Rows returns what the databases hold of the orders; those of which they hold nothing are absent or empty.
	Rows(ctx context.Context, orders []ID) (map[ID]*Rows, error)
	// Subjects calls see with every table's name and each order of which it has rows.
	Subjects(ctx context.Context, see func(table string, order ID) error) error
	// Shared returns what is no single order's.
	Shared(ctx context.Context) (*Shared, error)
}

// Rest says how far everybody has come.
type Rest struct {
	Starts    map[string][]int64 `json:"starts"` // topic → by partition, the first offset that the log still holds
	Ends      map[string][]int64 `json:"ends"`   // topic → by partition, the offset that the next record will get
	Positions []Position         `json:"positions"`
	Outboxes  map[string]int64   `json:"outboxes"` // database → messages that are not in Kafka yet
	Waiting   int64              `json:"waiting"`  // instances in flight that wait for no operator and behind no dead letter
	Calls     int64              `json:"calls"`    // operations of payment that wait for the provider
}

// Position is where a group reads on.
type Position struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Next      int64  `json:"next"`
}

// readers says which groups read which topics.
var readers = []struct {
	group  string
	topics []topic
}{
	{"order", []topic{orderCommands}},
	{"payment", []topic{paymentCommands}},
	{"warehouse", []topic{warehouseCommands}},
	{"processmanager", []topic{orderEvents, paymentEvents, warehouseEvents}},
}

// Errors of Judge that are no verdict.
var (
	// ErrNotAtRest says that something is still on its way: a verdict would be about a moment that never was.
	ErrNotAtRest = errors.New("the system is not at rest")
	// ErrTruncated says that the log no longer holds everything from offset 0 on.
	ErrTruncated = errors.New("the log does not begin at offset 0, so nothing can be derived from it")
)

// Unrest says what is still on its way, nothing where the log, the positions and the outboxes agree. Instances in flight
// are another matter: whether those may be is for the verdict to say.
func (r Rest) Unrest() []string {
	next := make(map[Position]int64, len(r.Positions))
	for _, p := range r.Positions {
		next[Position{Group: p.Group, Topic: p.Topic, Partition: p.Partition}] = p.Next
	}
	var out []string
	for _, reader := range readers {
		for _, t := range reader.topics {
			for n, end := range r.Ends[topicNames[t]] {
				at := next[Position{Group: reader.group, Topic: topicNames[t], Partition: int32(n)}]
				if at != end {
					out = append(out, fmt.Sprintf("%s reads %s/%d from %d, which ends at %d", reader.group, topicNames[t], n, at, end))
				}
			}
		}
	}
	for database, n := range r.Outboxes {
		if n > 0 {
			out = append(out, fmt.Sprintf("%d messages of %s are not in Kafka yet", n, database))
		}
	}
	slices.Sort(out)
	return out
}

// Quiet tells whether nothing is on its way and no order is in flight, but for those that alert.
func (r Rest) Quiet() bool { return len(r.Unrest()) == 0 && r.Waiting == 0 && r.Calls == 0 }

// settled returns an error where no verdict can be given.
func (r Rest) settled() error {
	if unrest := r.Unrest(); len(unrest) > 0 {
		if len(unrest) > 5 {
			unrest = append(unrest[:5], fmt.Sprintf("and %d more", len(unrest)-5))
		}
		return fmt.Errorf("%w: %s", ErrNotAtRest, strings.Join(unrest, "; "))
	}
	for _, name := range Topics() {
		if len(r.Ends[name]) != Partitions {
			return fmt.Errorf("topic %s has %d partitions, not %d", name, len(r.Ends[name]), Partitions)
		}
		for n, first := range r.Starts[name] {
			if first > 0 {
				return fmt.Errorf("%w: %s/%d begins at %d", ErrTruncated, name, n, first)
			}
		}
	}
	return nil
}

// same tells whether nothing moved in the logs between two looks.
func (r Rest) same(other Rest) bool {
	for _, name := range Topics() {
		if !slices.Equal(r.Ends[name], other.Ends[name]) {
			return false
		}
	}
	return true
}

// records is how many there are at most: control records count, too.
func (r Rest) records() (n int64) {
	for _, ends := range r.Ends {
		for _, end := range ends {
			n += end
		}
	}
	return n
}
