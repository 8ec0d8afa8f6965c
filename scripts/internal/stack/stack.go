package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/localstack"
)

// Stack is a running system.
type Stack struct {
	Config   Config
	Keys     *Keys
	Brokers  string
	Programs []*Program

	superuser string
	postgres  *localstack.Postgres
	broker    *localstack.Process // in a process of its own, so that its CPU time is its own
	jaeger    *localstack.Process
	JaegerUI  string // "" where Jaeger does not run
	otlp      string
	provider  string
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
	c.say("building the programs")
	bin, err := Build(ctx, c.Root)
	if err != nil {
		return nil, err
	}
	if err := s.infrastructure(ctx, bin); err != nil {
		return nil, err
	}
	if err := s.lay(bin); err != nil {
		return nil, err
	}
	return s, s.startPrograms(ctx)
}

// infrastructure starts PostgreSQL, the broker and Jaeger at once.
func (s *Stack) infrastructure(ctx context.Context, bin string) error {
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i, start := range []func(context.Context, string) error{s.startPostgres, s.startBroker, s.startJaeger} {
		wg.Go(func() { errs[i] = start(ctx, bin) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Stack) startPostgres(ctx context.Context, _ string) error {
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
		if s.postgres, err = localstack.StartPostgres(ctx, localstack.PostgresConfig{Dir: filepath.Join(s.Config.Dir, "postgres"), Port: port, Settings: settings}); err != nil {
			return err
		}
		s.superuser = s.postgres.URL("postgres", "postgres")
		s.Config.say("PostgreSQL on %s", addr(port))
	}
	return makeDatabases(ctx, s.superuser)
}

func (s *Stack) ensureTopics(ctx context.Context) error {
	cl, err := kafka.NewClient(kafka.Config{Brokers: strings.Split(s.Brokers, ","), ClientID: "stack"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("make the topics: %w", err)
	}
	defer cl.Close()
	if err := kafka.EnsureTopics(ctx, cl, "", contracts.Topics(), contracts.Partitions, 1, 1); err != nil {
		return fmt.Errorf("make the topics: %w", err)
	}
	return nil
}

// lay decides ports and environments of all programs.
func (s *Stack) lay(bin string) error {
	for _, svc := range Services() {
		replicas := s.Config.Replicas
		if !svc.Replicated() {
			replicas = 1
		}
		for r := 1; r <= replicas; r++ {
			p := &Program{Service: svc, Replica: r, path: filepath.Join(bin, svc.Name)}
			p.Log = filepath.Join(s.Config.Dir, "log", p.Name()+".log")
			port := func(fixed int) (string, error) {
				if fixed == 0 {
					return "", nil
				}
				c := s.Config
				c.FixedPorts = c.FixedPorts && r == 1
				n, err := c.port(fixed)
				return addr(n), err
			}
			var err error
			if p.API, err = port(svc.API); err != nil {
				return err
			}
			if p.AdminAddr, err = port(svc.Admin); err != nil {
				return err
			}
			if p.AdminAddr == "" {
				p.AdminAddr = p.API
			}
			if svc.Name == "provider" {
				s.provider = p.API
			}
			if p.env, err = s.environment(p); err != nil {
				return err
			}
			s.Programs = append(s.Programs, p)
		}
	}
	s.layWebhooks()
	return nil
}

// layWebhooks tells the provider where payment takes webhooks: known only when every program has its ports.
func (s *Stack) layWebhooks() {
	urls := s.APIs("payment")
	for i, addr := range urls {
		urls[i] = "http://" + addr + "/v1/webhooks"
	}
	for _, p := range s.Programs {
		if p.Service.Name == "provider" {
			p.env = append(p.env, "WEBHOOK_URL="+strings.Join(urls, ","), "WEBHOOK_SECRET="+webhookSecret)
			p.env = append(p.env, s.Config.Env...) // what was asked for wins
		}
	}
}

func (s *Stack) environment(p *Program) ([]string, error) {
	env := append(os.Environ(),
		"KAFKA_BROKERS="+s.Brokers, "REPLICA="+strconv.Itoa(p.Replica), "ADMIN_ADDR="+p.AdminAddr, "HTTP_ADDR="+p.API,
		"JWKS="+s.Keys.JWKS, "JWT_ISSUER="+Issuer, "JWT_AUDIENCE="+Audience,
		"PROVIDER_URL=http://"+s.provider, "PROVIDER_KEY="+ProviderKey, "API_KEY="+ProviderKey, "PROVIDER_WEBHOOK_SECRET="+webhookSecret,
		"DATA_DIR="+filepath.Join(s.Config.Dir, p.Service.Name))
	if p.Service.Database != "" {
		for key, role := range map[string]string{"DATABASE_URL": "_run", "DATABASE_OWNER_URL": "_owner"} {
			u, err := databaseURL(s.superuser, p.Service.Database, p.Service.Database+role)
			if err != nil {
				return nil, err
			}
			env = append(env, key+"="+u)
		}
	}
	if s.otlp != "" {
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.otlp, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_TRACES_SAMPLER=parentbased_always_on")
	}
	return append(env, s.Config.Env...), nil
}

func (s *Stack) startPrograms(ctx context.Context) error {
	if err := s.ensureTopics(ctx); err != nil {
		return err
	}
	s.Config.say("migrating the databases")
	for _, p := range s.Programs {
		if p.Replica == 1 && p.Service.Database != "" {
			if err := p.migrate(ctx); err != nil {
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
	for _, process := range []*localstack.Process{s.jaeger, s.broker} {
		if process != nil {
			process.Stop(syscall.SIGTERM, 15*time.Second)
		}
	}
	if s.postgres != nil {
		s.postgres.Stop()
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
	if s.postgres != nil {
		out["postgres"] = s.postgres.PID()
	}
	if s.broker != nil {
		out["broker"] = s.broker.PID()
	}
	return out
}
