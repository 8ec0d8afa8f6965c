package localstack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoPostgres is returned where no PostgreSQL server is installed.
var ErrNoPostgres = errors.New("no PostgreSQL found: install it (Debian: apt-get install postgresql), put its bin folder on the PATH, or give --postgres URL")

// PostgresConfig says where a server keeps its files and listens.
type PostgresConfig struct {
	Dir      string            // data directory; made if absent, kept otherwise. Required.
	Port     int               // 0: a free one
	Settings map[string]string // added to postgresql.conf on the command line
}

// Postgres is a running server. Its superuser is "postgres", without a password: only 127.0.0.1 and this machine's users
// reach it.
type Postgres struct {
	*Process
	Port int
}

// StartPostgres makes the data directory where needed and starts a server with fsync on. PostgreSQL refuses to run as
// root: for root it runs as the user postgres, or nobody where there is none, who then owns the directory.
func StartPostgres(ctx context.Context, c PostgresConfig) (*Postgres, error) {
	bin, err := postgresBin(ctx)
	if err != nil {
		return nil, err
	}
	if c.Port == 0 {
		if c.Port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	dir, attr, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
		initdb.SysProcAttr, initdb.Dir = attr(), dir
		if out, err := initdb.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	return runPostgres(ctx, bin, dir, c, attr())
}

func runPostgres(ctx context.Context, bin, dir string, c PostgresConfig, attr *syscall.SysProcAttr) (*Postgres, error) {
	args := []string{"-D", dir, "-p", strconv.Itoa(c.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=300", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB"}
	for k, v := range c.Settings {
		args = append(args, "-c", k+"="+v)
	}
	logPath := filepath.Join(dir, "server.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
	cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = attr, dir, log, log
	p, err := Start(cmd, syscall.SIGINT) // SIGINT: a fast shutdown
	if err != nil {
		return nil, err
	}
	pg := &Postgres{Process: p, Port: c.Port}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = p.waitFor(ctx, "PostgreSQL", func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, pg.URL("postgres", "postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	if err != nil {
		pg.Stop()
		return nil, fmt.Errorf("%w\n%s", err, tail(logPath, 2000))
	}
	return pg, nil
}

// URL of a database for a user.
func (p *Postgres) URL(database, user string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Host: "127.0.0.1:" + strconv.Itoa(p.Port), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Stop ends the server with a fast shutdown.
func (p *Postgres) Stop() { p.Process.Stop(syscall.SIGINT, 10*time.Second) }

// postgresBin finds the folder of the newest server on this machine, or fetches one.
func postgresBin(ctx context.Context) (string, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(strings.Split(dir, "/")[4]) // not a number sorts first
		return n
	}
	sort.Slice(dirs, func(i, j int) bool { return version(dirs[i]) > version(dirs[j]) })
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "initdb")); err == nil {
			return d, nil
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	bin, err := fetchedPostgres(ctx)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoPostgres, err)
	}
	return bin, nil
}
