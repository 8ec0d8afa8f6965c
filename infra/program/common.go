package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/messaging/deadletters"
	"ordersaga.internal/infra/messaging/replay"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/telemetry"
)

// Common are the settings of every service built on a messaging machine. Embed them in the program's own.
type Common struct {
	DatabaseURL      string `env:"DATABASE_URL" need:"serve,look" doc:"PostgreSQL URL of the role that reads and writes."`
	DatabaseOwnerURL string `env:"DATABASE_OWNER_URL" need:"migrate" doc:"PostgreSQL URL of the role that owns the schema."`
	DatabaseConns    int32  `env:"DATABASE_CONNS" envDefault:"10" doc:"Most connections to PostgreSQL."`

	KafkaBrokers     []string `env:"KAFKA_BROKERS" envDefault:"127.0.0.1:9092" doc:"Kafka brokers, host:port, with commas."`
	KafkaTopicPrefix string   `env:"KAFKA_TOPIC_PREFIX" doc:"Put before the name of every topic and group."`
	KafkaCompression string   `env:"KAFKA_COMPRESSION" envDefault:"none" doc:"Of what is produced: none, lz4, snappy or zstd."`

	Replica string `env:"REPLICA" envDefault:"1" doc:"Names this process among its replicas; the same after a restart."`
	Workers int    `env:"WORKERS" envDefault:"2" doc:"Consumers in this process."`
	Relay   Switch `env:"RELAY" envDefault:"on" doc:"Publish the outbox; off where Debezium does."`

	ThrottleMessages int           `env:"THROTTLE_MESSAGES" envDefault:"0" doc:"Most messages taken from Kafka in THROTTLE_INTERVAL; 0: as many as come."`
	ThrottleInterval time.Duration `env:"THROTTLE_INTERVAL" envDefault:"1s" doc:"See THROTTLE_MESSAGES."`

	JWKS        string `env:"JWKS" need:"serve" doc:"Public keys of the token issuer: path of a file, or URL."`
	JWTIssuer   string `env:"JWT_ISSUER" envDefault:"https://ordersaga.internal" doc:"The iss that tokens must have."`
	JWTAudience string `env:"JWT_AUDIENCE" envDefault:"ordersaga" doc:"The aud that tokens must have."`

	LogLevel string `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error."`
}

// Validate finds what no command could work with. A program with checks of its own joins them to it.
func (c Common) Validate() error {
	var errs []error
	if c.Workers < 1 {
		errs = append(errs, errors.New("WORKERS must be at least 1"))
	}
	if c.Replica == "" {
		errs = append(errs, errors.New("REPLICA must not be empty"))
	}
	// Each worker holds one in its transaction, so do submitted inputs and the relay; one is left for reading.
	if int(c.DatabaseConns) < c.Workers+3 {
		errs = append(errs, errors.New("DATABASE_CONNS must be at least WORKERS + 3"))
	}
	if c.ThrottleMessages < 0 || c.ThrottleInterval <= 0 {
		errs = append(errs, errors.New("THROTTLE_MESSAGES must not be negative, and THROTTLE_INTERVAL must be positive"))
	}
	return errors.Join(errs...)
}

// Parts are what a replica of such a service works with.
type Parts struct {
	Telemetry telemetry.Telemetry
	Pool      *pgxpool.Pool
	Kafka     func(opts ...kgo.Opt) (*kgo.Client, error) // a new client
	Auth      *httpserver.Auth
	HTTP      *httpserver.Metrics

	common Common
	admin  *kgo.Client // for looking at topics
	flush  func(context.Context) error
}

// Schema is one set of migrations; see postgres.Migrate.
type Schema struct {
	Table string
	FS    fs.FS
}

// Open connects everything, as the named service. Errors say what is not there.
func (c Common) Open(ctx context.Context, service string) (_ *Parts, err error) {
	p := &Parts{common: c}
	p.Telemetry, p.flush, err = telemetry.Setup(ctx, telemetry.Config{Service: service, LogLevel: c.LogLevel})
	if err != nil {
		return nil, Usage(err)
	}
	defer func() {
		if err != nil {
			p.Close(ctx)
		}
	}()
	if p.Auth, err = httpserver.NewAuth(ctx, httpserver.AuthConfig{
		JWKS: c.JWKS, Issuer: c.JWTIssuer, Audience: c.JWTAudience, Log: p.Telemetry.Log,
	}); err != nil {
		return nil, Usage(err)
	}
	p.HTTP = httpserver.NewMetrics(p.Telemetry.Registry)

	opts := []postgres.Option{postgres.MaxConns(c.DatabaseConns)}
	if p.Telemetry.Tracing {
		opts = append(opts, postgres.Traced())
	}
	if p.Pool, err = postgres.Open(ctx, c.DatabaseURL, opts...); err != nil {
		return nil, err
	}
	config := kafka.Config{
		Brokers: c.KafkaBrokers, TopicPrefix: c.KafkaTopicPrefix, ClientID: service + "-" + c.Replica,
		Compression: c.KafkaCompression, Metrics: kafka.NewMetrics(p.Telemetry.Registry),
	}
	p.Kafka = func(opts ...kgo.Opt) (*kgo.Client, error) { return kafka.NewClient(config, p.Telemetry.Log, opts...) }
	if p.admin, err = p.Kafka(); err != nil {
		return nil, Usage(err)
	}
	return p, nil
}

// Check returns an error where the program cannot run on the database's schema, or a topic is missing or has another number
// of partitions.
func (p *Parts) Check(ctx context.Context, topics []string, partitions int32, schemas ...Schema) error {
	for _, s := range schemas {
		if err := postgres.CheckMigrated(ctx, p.Pool, s.Table, s.FS); err != nil {
			return err
		}
	}
	err := kafka.CheckTopics(ctx, p.admin, p.common.KafkaTopicPrefix, topics, partitions)
	if err != nil && (!errors.Is(err, kafka.ErrTopics) || errors.Is(err, kafka.ErrNoLeader)) {
		return NotReachable(err)
	}
	return err
}

// Deps are what a machine of the service is built on.
func (p *Parts) Deps(codec messaging.Codec) messaging.Deps {
	return messaging.Deps{
		Pool: p.Pool, Kafka: p.Kafka, Codec: codec,
		Log: p.Telemetry.Log, Metrics: p.Telemetry.Registry, Tracer: p.Telemetry.Tracer,
	}
}

// Machine is the part of a machine's configuration that comes from the settings.
func (c Common) Machine(service string, topics []string, partitions int32) messaging.Config {
	return messaging.Config{
		Service: service, Topics: topics, TopicPrefix: c.KafkaTopicPrefix, Partitions: partitions,
		Replica: c.Replica, Workers: c.Workers, NoRelay: !bool(c.Relay),
		Throttle: messaging.Throttle{Messages: c.ThrottleMessages, Interval: c.ThrottleInterval},
	}
}

// Server returns a server, listening on addr, with the program's metrics and traces.
func (p *Parts) Server(addr string, handler http.Handler) (*httpserver.Server, error) {
	return httpserver.NewServer(httpserver.Config{Addr: addr, Telemetry: p.Telemetry, Metrics: p.HTTP}, handler)
}

// Machine is what the admin port shows of a messaging.Machine.
type Machine interface {
	deadletters.Machine
	replay.Machine
	Ready(ctx context.Context) error
}

// AdminPort returns the server of the program's admin port: what everybody may see, and for operators the machine's dead
// letters and positions and, unless nil, more.
func (p *Parts) AdminPort(ctx context.Context, addr string, machine Machine, more func(chi.Router)) (*httpserver.Server, error) {
	letters, err := deadletters.Routes(machine, p.Telemetry.Log)
	if err != nil {
		return nil, err
	}
	positions, err := replay.Routes(machine, p.Telemetry.Log)
	if err != nil {
		return nil, err
	}
	server, err := p.Server(addr, httpserver.Admin(httpserver.AdminConfig{
		Telemetry: p.Telemetry, Stopping: ctx.Done(), Auth: p.Auth,
		Ready: map[string]func(context.Context) error{"machine": machine.Ready},
		Routes: func(r chi.Router) {
			letters(r)
			positions(r)
			if more != nil {
				more(r)
			}
		},
	}))
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	return server, nil
}

// Close ends all connections and sends what telemetry still holds.
func (p *Parts) Close(ctx context.Context) {
	if p.admin != nil {
		p.admin.Close()
	}
	if p.Pool != nil {
		p.Pool.Close()
	}
	if err := p.flush(context.WithoutCancel(ctx)); err != nil {
		p.Telemetry.Log.Warn("traces lost at the end", "error", err.Error())
	}
}

// RunRole is the role that DATABASE_URL names; standard where that is not set. The error is an ErrUsage.
func (c Common) RunRole(standard string) (string, error) {
	if c.DatabaseURL == "" {
		return standard, nil
	}
	parsed, err := pgx.ParseConfig(c.DatabaseURL)
	if err != nil {
		return "", Usage(fmt.Errorf("DATABASE_URL: %w", err))
	}
	return parsed.User, nil
}

// Migrate applies the schemas in order, as owner, and lets the run role use them: the user in DATABASE_URL where that is
// set, else role. It says which were migrated by a later program, and so are left alone.
func (c Common) Migrate(ctx context.Context, role string, schemas ...Schema) error {
	role, err := c.RunRole(role)
	if err != nil {
		return err
	}
	for _, s := range schemas {
		ahead, err := postgres.Migrate(ctx, c.DatabaseOwnerURL, role, s.Table, s.FS)
		if err != nil {
			return err
		}
		if ahead {
			_, _ = fmt.Fprintf(os.Stderr, "%s: nothing to do: a later program migrated it, and this one can run on it\n", s.Table)
		}
	}
	return nil
}
