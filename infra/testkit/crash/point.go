package crash

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
)

// Point is one round trip of an incarnation: the Nth of its kind since the counting began. Kind says which port and what
// for: "db begin+update positions", "kafka Produce", "provider authorize".
type Point struct {
	Kind string
	Nth  int
}

func (p Point) String() string { return p.Kind + " #" + strconv.Itoa(p.Nth) }

// Mode is what happens at a point.
type Mode string

// The modes.
const (
	Before Mode = "before" // the incarnation dies, and the request does not leave
	After  Mode = "after"  // the incarnation dies after the request had its effect, before the answer comes
	Lost   Mode = "lost"   // the request has its effect, its answer is lost with the connection, and the incarnation lives on
)

// Modes in the order in which they are tried.
var Modes = []Mode{Before, After, Lost}

// Fault is a mode at a point.
type Fault struct {
	Point
	Mode Mode
}

func (f Fault) String() string { return f.Point.String() + " " + string(f.Mode) }

const faultSeparator = " then "

// Faults come one after the other: each point is counted from the fault before it.
type Faults []Fault

func (f Faults) String() string {
	out := make([]string, len(f))
	for i := range f {
		out[i] = f[i].String()
	}
	return strings.Join(out, faultSeparator)
}

// slow tells whether leases of the dead take their time in a run with these faults: it is so in every eighth with several,
// the same each time.
func (f Faults) slow() bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(f.String()))
	return len(f) > 1 && h.Sum32()%8 == 0
}

var faultSyntax = regexp.MustCompile(`^(.+) #([1-9][0-9]*) (before|after|lost)$`)

func parseFaults(text string) (out Faults, err error) {
	for part := range strings.SplitSeq(text, faultSeparator) {
		m := faultSyntax.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf("fault %q is not spelled as KIND #N before|after|lost", part)
		}
		nth, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", part, err)
		}
		out = append(out, Fault{Point{m[1], nth}, Mode(m[3])})
	}
	return out, nil
}
