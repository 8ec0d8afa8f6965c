package faultnet

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// Kafka is a proxy before one broker, for all programs: clients go where the broker's metadata sends them, and that is
// one address. Whose link a connection belongs to is told by the client id in its first request. The broker must
// advertise the proxy's address.
type Kafka struct {
	*Proxy

	broker string
	mu     sync.Mutex
	links  map[string]*Link
}

// NewKafka returns a proxy before a broker ("host:port"), named in its links.
func NewKafka(broker, target string) (*Kafka, error) {
	k := &Kafka{broker: broker, links: map[string]*Link{}}
	p, err := listen(target, k.routeByClient, false)
	k.Proxy = p
	return k, err
}

// Link returns the link of the clients with this id.
func (k *Kafka) Link(client string) *Link {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.links[client]
	if l == nil {
		l = newLink(client + " to " + k.broker)
		k.links[client] = l
	}
	return l
}

func (k *Kafka) routeByClient(c net.Conn) (*Link, []byte, error) {
	head, id, err := readClient(c)
	if err != nil {
		return nil, nil, err
	}
	return k.Link(id), head, nil
}

// Where a request's header ends that every version begins with (Kafka's RequestHeader v1): size, API key, API version,
// correlation id, and the client id with its length.
const (
	clientLength = 4 + 2 + 2 + 4
	clientBegin  = clientLength + 2
)

// readClient reads the beginning of the first request, and the client id in it.
func readClient(c net.Conn) (head []byte, id string, err error) {
	head = make([]byte, clientBegin)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, "", fmt.Errorf("first request: %w", err)
	}
	n := int(int16(binary.BigEndian.Uint16(head[clientLength:])))
	size := int(binary.BigEndian.Uint32(head))
	if n < 0 { // null
		return head, "", nil
	}
	if clientBegin+n > 4+size {
		return nil, "", fmt.Errorf("not a Kafka request: a client id of %d bytes in a request of %d", n, size)
	}
	head = append(head, make([]byte, n)...)
	if _, err := io.ReadFull(c, head[clientBegin:]); err != nil {
		return nil, "", fmt.Errorf("first request: %w", err)
	}
	return head, string(head[clientBegin:]), nil
}
