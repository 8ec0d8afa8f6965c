package crash

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka are options that make the connections of a client pass the ports. A fetch that finds nothing returns soon: the first
// one of an incarnation often looks at few partitions only, and those that come after it would wait for its end.
func (p *Ports) Kafka() []kgo.Opt {
	return []kgo.Opt{
		kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			return p.dial(ctx, network, addr, kafkaTalk{})
		}),
		kgo.FetchMaxWait(100 * time.Millisecond),
	}
}

// kafkaTalk is Kafka's protocol: both ways a length and that many bytes, a request's first two its key; a broker answers
// the requests of a connection in their order.
type kafkaTalk struct{}

func (kafkaTalk) ask(b []byte) (int, string) {
	n := frame(b)
	if n < 6 {
		return 0, ""
	}
	return n, "kafka " + kmsg.NameForKey(int16(binary.BigEndian.Uint16(b[4:])))
}

func (kafkaTalk) answer(b []byte) (int, bool) {
	n := frame(b)
	return n, n > 0
}

func frame(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	if len(b) < n {
		return 0
	}
	return n
}
