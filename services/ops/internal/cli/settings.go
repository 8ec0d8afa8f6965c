package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/tap"
)

// settings are what every command may need.
type settings struct {
	token                                             string
	order, payment, warehouse, manager, archive       string
	view, loyalty                                     string
	provider, providerKey, kafka, topicPrefix, output string
}

// setting is one of them: a flag, and a variable that the flag beats.
type setting struct {
	flag, fallback, doc string
	secret              bool // never shown as a default
	into                func(*settings) *string
}

var all = []setting{
	{"token", "", "an operator's token", true, func(s *settings) *string { return &s.token }},
	{"order-admin", "127.0.0.1:9101", "admin port of the order service", false, func(s *settings) *string { return &s.order }},
	{"payment-admin", "127.0.0.1:9102", "admin port of the payment service", false, func(s *settings) *string { return &s.payment }},
	{"warehouse-admin", "127.0.0.1:9103", "admin port of the warehouse", false, func(s *settings) *string { return &s.warehouse }},
	{"processmanager-admin", "127.0.0.1:9104", "admin port of the process manager", false, func(s *settings) *string { return &s.manager }},
	{"archive-admin", "127.0.0.1:9105", "admin port of the archive", false, func(s *settings) *string { return &s.archive }},
	{"orderview-admin", "127.0.0.1:9107", "admin port of the read model", false, func(s *settings) *string { return &s.view }},
	{"loyalty-admin", "127.0.0.1:9108", "admin port of the points for customers", false, func(s *settings) *string { return &s.loyalty }},
	{"kafka", "127.0.0.1:9092", "brokers, host:port, with commas", false, func(s *settings) *string { return &s.kafka }},
	{"topic-prefix", "", "before the name of every topic", false, func(s *settings) *string { return &s.topicPrefix }},
	{"provider", "127.0.0.1:8085", "the sandbox payment provider, for its ledger", false, func(s *settings) *string { return &s.provider }},
	{"provider-key", "", "API key there; without one the ledger is not read", true, func(s *settings) *string { return &s.providerKey }},
}

// variable is the name of the setting in the environment.
func (s setting) variable() string {
	return "ORDERCTL_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// register adds the flags. Their defaults come from the environment.
func (s *settings) register(cmd *cobra.Command, environment []string) {
	values := map[string]string{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	flags := cmd.PersistentFlags()
	flags.SortFlags = false
	flags.StringVarP(&s.output, "output", "o", "text", "text or json")
	for _, one := range all {
		value := values[one.variable()]
		if value == "" {
			value = one.fallback
		}
		flags.StringVar(one.into(s), one.flag, value, one.doc+" ["+one.variable()+"]")
		if one.secret {
			flags.Lookup(one.flag).DefValue = ""
		}
	}
}

func (s *settings) client(program, addr string) adminapi.Client {
	return adminapi.Client{Program: program, Addr: addr, Token: s.token, Flag: "--" + program + "-admin"}
}

func (s *settings) managers() adminapi.Client { return s.client("processmanager", s.manager) }

// services are the programs that keep a trail of an order.
func (s *settings) services() []adminapi.Client {
	return []adminapi.Client{
		s.client("order", s.order), s.client("payment", s.payment), s.client("warehouse", s.warehouse), s.managers(),
	}
}

// machines are the programs that read Kafka by a machine, with positions and dead letters. The archive keeps bytes, whatever they
// say: it sets nothing aside.
func (s *settings) machines() []adminapi.Client {
	return append(s.services(), s.client("orderview", s.view), s.client("loyalty", s.loyalty))
}

// machineNames are theirs.
func machineNames() []string {
	clients := new(settings).machines()
	names := make([]string, len(clients))
	for i, c := range clients {
		names[i] = c.Program
	}
	return names
}

// machineNamed returns the client of one of them.
func (s *settings) machineNamed(name string) (adminapi.Client, error) {
	clients := s.machines()
	i := slices.IndexFunc(clients, func(c adminapi.Client) bool { return c.Program == name })
	if i < 0 {
		names := machineNames()
		last := len(names) - 1
		return adminapi.Client{}, program.Usage(fmt.Errorf("%q is no program with dead letters and positions: give %s or %s", name, strings.Join(names[:last], ", "), names[last]))
	}
	return clients[i], nil
}

// ledger returns the client of the provider, false where there is no key.
func (s *settings) ledger() (adminapi.Client, bool) {
	return adminapi.Client{Program: "provider", Addr: s.provider, Token: s.providerKey, Flag: "--provider"}, s.providerKey != ""
}

func (s *settings) broker() tap.Broker {
	return tap.Broker{Addrs: strings.Split(s.kafka, ","), Prefix: s.topicPrefix}
}
