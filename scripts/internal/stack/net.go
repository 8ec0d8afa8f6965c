package stack

import (
	"net/url"
	"sync"

	"ordersaga.internal/scripts/internal/faultnet"
)

// Net is the proxies of a stack: between each program and PostgreSQL, each program and each broker, each payment and the
// provider, who also calls payment with its webhooks. What looks at the stack from outside does not go through them, except to the embedded broker.
type Net struct {
	mu       sync.Mutex
	kafka    []*faultnet.Kafka
	proxies  []*faultnet.Proxy
	addrs    map[string]string         // by link's name
	postgres map[string]*faultnet.Link // by program's name
	provider map[string]*faultnet.Link
	webhooks map[string]*faultnet.Link
}

func newNet() *Net {
	links := func() map[string]*faultnet.Link { return map[string]*faultnet.Link{} }
	return &Net{addrs: map[string]string{}, postgres: links(), provider: links(), webhooks: links()}
}

// Postgres is the link between a program and PostgreSQL; nil where it has none.
func (n *Net) Postgres(program string) *faultnet.Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.postgres[program]
}

// Provider is the link between a payment and the provider; nil for other programs.
func (n *Net) Provider(program string) *faultnet.Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.provider[program]
}

// Webhooks is the link between the provider and a payment that it calls; nil for other programs.
func (n *Net) Webhooks(program string) *faultnet.Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.webhooks[program]
}

// Kafka is the links between a program and each broker.
func (n *Net) Kafka(program string) []*faultnet.Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	links := make([]*faultnet.Link, len(n.kafka))
	for i, k := range n.kafka {
		links[i] = k.Link(program)
	}
	return links
}

func (n *Net) addKafka(broker, target string) (*faultnet.Kafka, error) {
	k, err := faultnet.NewKafka(broker, target)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kafka, n.proxies = append(n.kafka, k), append(n.proxies, k.Proxy)
	return k, nil
}

// throughPostgres is a database URL with the program's proxy in place of the server. A program that is laid again keeps
// its proxy.
func (n *Net) throughPostgres(program, database string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	u.Host, err = n.through(n.postgres, program, u.Host, faultnet.Postgres)
	return u.String(), err
}

// throughProvider is the proxy of a program before the provider.
func (n *Net) throughProvider(program, provider string) (string, error) {
	return n.through(n.provider, program, provider, func(program, target string) (*faultnet.Proxy, *faultnet.Link, error) {
		return faultnet.Plain(program, "provider", target)
	})
}

// throughWebhooks is the proxy of the provider before a payment.
func (n *Net) throughWebhooks(program, payment string) (string, error) {
	return n.through(n.webhooks, program, payment, func(program, target string) (*faultnet.Proxy, *faultnet.Link, error) {
		return faultnet.Plain("provider-1", program, target)
	})
}

func (n *Net) through(
	links map[string]*faultnet.Link, program, target string, make func(program, target string) (*faultnet.Proxy, *faultnet.Link, error),
) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := links[program]; l != nil {
		return n.addrs[l.Name()], nil
	}
	p, l, err := make(program, target)
	if err != nil {
		return "", err
	}
	n.proxies = append(n.proxies, p)
	links[program], n.addrs[l.Name()] = l, p.Addr()
	return p.Addr(), nil
}

func (n *Net) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.proxies {
		p.Close()
	}
}
