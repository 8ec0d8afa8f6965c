package stack

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"ordersaga.internal/infra/localstack"
)

// jaegerModule is Jaeger's all-in-one, from the module proxy. It cannot be installed by name (its go.mod replaces a
// module), so its source is copied out of the module cache and built there, once.
const (
	jaegerModule  = "github.com/jaegertracing/jaeger"
	jaegerVersion = "v1.76.0"
)

func (s *Stack) startJaeger(ctx context.Context, _ string) error {
	if !s.Config.Jaeger {
		return nil
	}
	s.Config.say("Jaeger: building it the first time takes minutes")
	path, err := jaegerBinary(ctx)
	if err != nil {
		return err
	}
	var ports [5]int
	for i, fixed := range []int{4317, 4318, 16686, 16685, 14269} {
		if ports[i], err = s.Config.port(fixed); err != nil {
			return err
		}
	}
	log, err := os.Create(filepath.Join(s.Config.Dir, "log", "jaeger.log"))
	if err != nil {
		return fmt.Errorf("start Jaeger: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(path,
		"--collector.otlp.grpc.host-port="+addr(ports[0]), "--collector.otlp.http.host-port="+addr(ports[1]),
		"--query.http-server.host-port="+addr(ports[2]), "--query.grpc-server.host-port="+addr(ports[3]), "--admin.http.host-port="+addr(ports[4]),
		"--collector.grpc-server.host-port=127.0.0.1:0", "--collector.http-server.host-port=127.0.0.1:0",
		"--processor.jaeger-binary.server-host-port=127.0.0.1:0", "--processor.jaeger-compact.server-host-port=127.0.0.1:0",
		"--processor.zipkin-compact.server-host-port=127.0.0.1:0", "--http-server.host-port=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = log, log
	if s.jaeger, err = localstack.Start(cmd, syscall.SIGTERM); err != nil {
		return fmt.Errorf("start Jaeger: %w", err)
	}
	s.otlp, s.JaegerUI = addr(ports[0]), "http://"+addr(ports[2])
	if err := waitPort(ctx, s.jaeger, addr(ports[2])); err != nil {
		return fmt.Errorf("start Jaeger: %w\n%s", err, LastLines(log.Name()))
	}
	s.Config.say("Jaeger on %s", s.JaegerUI)
	return nil
}

func jaegerBinary(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	bin := filepath.Join(cache, "ordersaga", "jaeger-"+jaegerVersion)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	tmp, err := os.MkdirTemp("", "jaeger-*")
	if err != nil {
		return "", fmt.Errorf("build Jaeger: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover does no harm
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", jaegerModule+"@"+jaegerVersion)
	download.Dir = tmp
	out, err := download.Output()
	if err != nil {
		return "", fmt.Errorf("fetch Jaeger: %w", err)
	}
	var dir string
	for sc := bufio.NewScanner(strings.NewReader(string(out))); sc.Scan(); {
		if _, rest, ok := strings.Cut(sc.Text(), `"Dir": "`); ok {
			dir = strings.TrimSuffix(strings.TrimSuffix(rest, ","), `"`)
		}
	}
	src := filepath.Join(tmp, "src")
	if err := os.CopyFS(src, os.DirFS(dir)); err != nil {
		return "", fmt.Errorf("build Jaeger: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/all-in-one")
	build.Dir = src
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Jaeger: %w\n%s", err, out)
	}
	return bin, nil
}
