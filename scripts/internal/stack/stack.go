package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/scripts/internal/check/read"
)

// Stack is a running system.
type Stack struct {
	Config   Config
	Keys     *Keys
	Brokers  string // as we reach them
	Programs []*Program
	Postgres *Server   // nil where it is not ours
	Kafka    []*Server // none where they are not ours
	Net      *Net      // nil unless Config.Proxies
	JaegerUI string    // "" where Jaeger does not run

	bin            string
	superuser      string
	programBrokers string // as the programs reach them
	jaeger         *localstack.Process
	otlp           string
	provider       string
}

// ProviderKey is the API key between payment and the sandbox provider on a local stack.
const ProviderKey = "local-sandbox-key"

// webhookSecret signs the sandbox provider's webhooks to payment on a local stack.
const webhookSecret = "local-webhook-secret"

// Up starts everything and returns when every program is ready. On an error nothing is left running.
func Up(ctx context.Context, c Config) (_ *Stack, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Stack{Config: c}
	defer func() {
		if err != nil {
			s.Down()
		}
	}()
	for _, dir := range []string{c.Dir, filepath.Join(c.Dir, "log")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
	}
	if s.Keys, err = OpenKeys(c.Dir); err != nil {
		return nil, err
	}
	if s.bin = c.Bin; s.bin == "" {
		c.say("building the programs")
		s.bin = filepath.Join(c.Root, ".bin", c.Tags)
		if err := Build(ctx, c.Root, s.bin, c.services(), "-tags", c.Tags); err != nil {
			return nil, err
		}
	}
	if c.Proxies {
		s.Net = newNet()
	}
	if err := s.infrastructure(ctx); err != nil {
		return nil, err
	}
	if err := s.lay(); err != nil {
		return nil, err
	}
	if err := s.startPrograms(ctx); err != nil {
		return nil, err
	}
	return s, s.Addresses().Write(filepath.Join(c.Dir, "stack.json"))
}

// Addresses is where the checker reads the stack. It finds them in stack.json of the data folder, too.
func (s *Stack) Addresses() read.Addresses {
	return read.Addresses{
		Brokers: s.Brokers, Provider: "http://" + s.provider, ProviderKey: ProviderKey, Postgres: s.superuser,
		Inputs: filepath.Join(s.Config.Root, "scripts", "seed.json"),
	}
}

// infrastructure starts PostgreSQL, the broker and Jaeger at once.
func (s *Stack) infrastructure(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i, start := range []func(context.Context) error{s.startPostgres, s.startBrokers, s.startJaeger} {
		wg.Go(func() { errs[i] = start(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Stack) startPostgres(ctx context.Context) error {
	s.superuser = s.Config.Postgres
	if s.Config.Postgres == "embedded" {
		port, err := s.Config.port(5433)
		if err != nil {
			return err
		}
		settings := map[string]string{}
		if s.Config.Statements {
			settings["shared_preload_libraries"] = "pg_stat_statements"
		}
		if s.Config.SmallDisks { // the log must leave room for the tables
			settings["max_wal_size"] = "192MB"
		}
		config := localstack.PostgresConfig{Dir: filepath.Join(s.Config.Dir, "postgres"), Port: port, Settings: settings}
		s.Postgres = &Server{Name: "postgres", Dir: config.Dir, Log: filepath.Join(config.Dir, "server.log"), graceful: syscall.SIGINT, start: func(ctx context.Context) (*localstack.Process, error) {
			pg, err := localstack.StartPostgres(ctx, config)
			if err != nil {
				return nil, err
			}
			return pg.Process, nil
		}}
		if err := s.Postgres.Start(ctx); err != nil {
			return err
		}
		s.superuser = (&localstack.Postgres{Port: port}).URL("postgres", "postgres")
		s.Config.say("PostgreSQL on %s", addr(port))
	}
	return makeDatabases(ctx, s.superuser, s.Config.services())
}

// Topics are all that our programs read or write.
func Topics() []string {
	return slices.Concat(contracts.Topics(), contracts.CompatibilityTopics(), messaging.DeadLetterTopics(contracts.Topics()...),
		[]string{messaging.InternalTopic("processmanager")})
}

func (s *Stack) ensureTopics(ctx context.Context) error {
	cl, err := kafka.NewClient(kafka.Config{Brokers: strings.Split(s.Brokers, ","), ClientID: "stack"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("make the topics: %w", err)
	}
	defer cl.Close()
	// Of three nodes one may fail: what is acknowledged is on two.
	nodes := max(1, len(s.Kafka))
	if err := kafka.EnsureTopics(ctx, cl, "", Topics(), contracts.Partitions, int16(nodes), nodes/2+1); err != nil {
		return fmt.Errorf("make the topics: %w", err)
	}
	return nil
}

func (s *Stack) startPrograms(ctx context.Context) error {
	if err := s.ensureTopics(ctx); err != nil {
		return err
	}
	s.Config.say("migrating the databases")
	for _, p := range s.Programs {
		if p.Replica == 1 && p.Service.Database != "" {
			if _, err := p.Ask(ctx, "migrate"); err != nil {
				return err
			}
		}
	}
	for _, p := range s.Programs {
		if err := p.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, p := range s.Programs {
		if err := p.WaitReady(ctx); err != nil {
			return err
		}
		s.Config.say("%-18s ready  pid %-7d %s", p.Name(), p.Process().PID(), strings.TrimSpace(p.API+" admin "+p.AdminAddr))
	}
	return nil
}

// Down stops everything, programs first, and waits for it.
func (s *Stack) Down() {
	var wg sync.WaitGroup
	for _, p := range s.Programs {
		if process := p.Process(); process != nil {
			wg.Go(func() { process.Stop(syscall.SIGTERM, 15*time.Second) })
		}
	}
	wg.Wait()
	if s.jaeger != nil {
		s.jaeger.Stop(syscall.SIGTERM, 15*time.Second)
	}
	for _, k := range s.Kafka {
		wg.Go(k.Stop)
	}
	wg.Wait()
	if s.Postgres != nil {
		s.Postgres.Stop()
	}
	if s.Net != nil {
		s.Net.close()
	}
}

// APIs returns the addresses of every replica's API.
func (s *Stack) APIs(service string) []string {
	var out []string
	for _, p := range s.Programs {
		if p.Service.Name == service {
			out = append(out, p.API)
		}
	}
	return out
}

// Program returns the first replica of a service, nil where it does not run here.
func (s *Stack) Program(service string) *Program {
	for _, p := range s.Programs {
		if p.Service.Name == service {
			return p
		}
	}
	return nil
}

// Admin returns the address of a program's admin port, of its first replica.
func (s *Stack) Admin(service string) string {
	if p := s.Program(service); p != nil {
		return p.AdminAddr
	}
	return ""
}

// Database returns the superuser's URL of a service's database, to look from outside.
func (s *Stack) Database(name string) (string, error) {
	return databaseURL(s.superuser, name, "postgres")
}

// PIDs returns every process of the stack by name, for its CPU time.
func (s *Stack) PIDs() map[string]int {
	out := map[string]int{}
	for _, p := range s.Programs {
		out[p.Name()] = p.Process().PID()
	}
	for _, server := range append(s.Kafka[:len(s.Kafka):len(s.Kafka)], s.Postgres) {
		if server != nil {
			out[server.Name] = server.Process().PID()
		}
	}
	return out
}
