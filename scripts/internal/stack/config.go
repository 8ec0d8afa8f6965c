package stack

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ordersaga.internal/infra/localstack"
)

// Config of a local stack.
type Config struct {
	Root       string    // the checkout. Required.
	Bin        string    // a folder with built programs; "": they are built from Root
	Dir        string    // where data, logs and keys are kept. Required.
	Kafka      string    // "embedded", "apache", "apache3" (three nodes) or HOST:PORT
	Postgres   string    // "embedded" or the URL of a superuser
	Services   []Service // nil: those that an order needs
	Replicas   int       // of each service, from 1
	Jaeger     bool      // start Jaeger and send every trace to it
	Statements bool      // count every SQL statement (pg_stat_statements), for the bench
	Proxies    bool      // a proxy on every link, for faults
	SmallDisks bool      // the data folders are small: keep logs short
	FixedPorts bool      // the ports of the documentation; otherwise free ones
	Tags       string    // that the programs are built with: "duplicator" for every input twice
	Env        []string  // added to every program's environment
	Out        io.Writer // progress, for people

	EnvOf map[string][]string // added to one program's, by Program.Name: a setting that is changed replica by replica
}

// Service is one of our programs.
type Service struct {
	Name     string // "order"
	Module   string // its folder, from the root
	Database string // "" where it has none
	API      int    // default port; 0 where it has none
	Admin    int    // default port; 0 where it has none

	Reads map[string]string // settings that name the databases of others, which it only reads, where they run here
}

// Services returns the programs that an order needs, in the order in which they start.
func Services() []Service {
	return []Service{
		{Name: "provider", Module: "services/provider", API: 8085},
		{Name: "warehouse", Module: "services/warehouse", Database: "warehouse", API: 8081, Admin: 9103},
		{Name: "payment", Module: "services/payment", Database: "payments", API: 8082, Admin: 9102},
		{Name: "processmanager", Module: "processmanager", Database: "processmanager", Admin: 9104},
		{Name: "order", Module: "services/order", Database: "orders", API: 8080, Admin: 9101, Reads: map[string]string{"DATABASE_ORDERVIEW_URL": "orderview"}},
	}
}

// Everything returns all our programs, in the order in which they start.
func Everything() []Service { return append([]Service{Archive(), View(), Loyalty()}, Services()...) }

// Archive is the data lake. No order needs it.
func Archive() Service {
	return Service{Name: "archive", Module: "services/archive", Database: "archive", Admin: 9105}
}

// View is the read model of orders. No order needs it.
func View() Service {
	return Service{Name: "orderview", Module: "services/order", Database: "orderview", Admin: 9107, Reads: map[string]string{"DATABASE_ARCHIVE_URL": "archive"}}
}

// Loyalty is the listener. No order needs it, and nobody here knows it.
func Loyalty() Service {
	return Service{Name: "loyalty", Module: "services/loyalty", Database: "loyalty", Admin: 9108}
}

func (c Config) services() []Service {
	if c.Services == nil {
		return Services()
	}
	return c.Services
}

// Replicated tells whether a service runs more than once. The provider stands for somebody else's system.
func (s Service) Replicated() bool { return s.Name != "provider" }

// FindRoot returns the checkout that the working directory is in.
func FindRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.work")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s is in no checkout of Order Saga: no go.work above it", dir)
		}
	}
}

func (c Config) port(fixed int) (int, error) {
	if c.FixedPorts {
		return fixed, nil
	}
	return localstack.FreePort()
}

func addr(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func (c Config) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Out, format+"\n", args...) // progress that nobody reads is no error
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	if !slices.Contains([]string{"embedded", "apache", "apache3"}, c.Kafka) && !strings.Contains(c.Kafka, ":") {
		return fmt.Errorf("--kafka %q: give embedded, apache, apache3 or HOST:PORT", c.Kafka)
	}
	if c.Postgres != "embedded" && !strings.Contains(c.Postgres, "://") {
		return fmt.Errorf("--postgres %q: give embedded or the URL of a superuser", c.Postgres)
	}
	if c.Replicas < 1 || c.Replicas > 4 {
		return fmt.Errorf("--replicas %d: give 1 to 4", c.Replicas)
	}
	return nil
}
