package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"ordersaga.internal/infra/localstack"
)

// jaegerModule is Jaeger's all-in-one, from the module proxy. It cannot be installed by name (its go.mod replaces a
// module), so its source is copied out of the module cache and built there, once.
const (
	jaegerModule  = "github.com/jaegertracing/jaeger"
	jaegerVersion = "v1.76.0"
)

// startJaeger starts Jaeger with its traces in memory and waits until it answers.
func (s *Stack) startJaeger(ctx context.Context) error {
	if !s.Config.Jaeger {
		return nil
	}
	path, err := s.jaegerBinary(ctx)
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
	cmd := exec.Command(path, "--memory.max-traces=50000",
		"--collector.otlp.grpc.host-port="+addr(ports[0]), "--collector.otlp.http.host-port="+addr(ports[1]),
		"--query.http-server.host-port="+addr(ports[2]), "--query.grpc-server.host-port="+addr(ports[3]),
		"--admin.http.host-port="+addr(ports[4]),
		// Of its own protocols, which nobody here speaks.
		"--collector.grpc-server.host-port=127.0.0.1:0", "--collector.http-server.host-port=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = log, log
	if s.jaeger, err = localstack.Start(cmd, syscall.SIGTERM); err != nil {
		return fmt.Errorf("start Jaeger: %w", err)
	}
	s.otlp, s.JaegerUI = addr(ports[0]), "http://"+addr(ports[2])
	for _, port := range []int{ports[0], ports[2]} {
		if err := waitPort(ctx, s.jaeger, addr(port)); err != nil {
			return fmt.Errorf("start Jaeger: %w\n%s", err, LastLines(log.Name()))
		}
	}
	s.Config.say("Jaeger on %s", s.JaegerUI)
	return nil
}

// jaegerBinary returns the path of the program, which it builds where nobody did before.
func (s *Stack) jaegerBinary(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	bin := filepath.Join(cache, "ordersaga", "jaeger-"+jaegerVersion)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	s.Config.say("building Jaeger, which takes minutes, once on a machine")
	tmp, err := os.MkdirTemp("", "jaeger-*")
	if err != nil {
		return "", fmt.Errorf("build Jaeger: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover does no harm
	src := filepath.Join(tmp, "src")
	if err := copyModule(ctx, jaegerModule+"@"+jaegerVersion, src); err != nil {
		return "", fmt.Errorf("build Jaeger: %w", err)
	}
	unfinished := fmt.Sprintf("%s.%d", bin, os.Getpid()) // renamed when whole: others may look for it meanwhile
	build := exec.CommandContext(ctx, "go", "build", "-o", unfinished, "./cmd/all-in-one")
	build.Dir = src
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Jaeger: %w\n%s", err, out)
	}
	if err := os.Rename(unfinished, bin); err != nil {
		return "", fmt.Errorf("keep Jaeger: %w", err)
	}
	return bin, nil
}

// copyModule fetches a module ("path@version") and copies its source, which is read-only in the module cache.
func copyModule(ctx context.Context, module, to string) error {
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	download.Dir = os.TempDir()
	out, err := download.Output()
	if err != nil {
		return fmt.Errorf("fetch %s: %w\n%s", module, err, out)
	}
	var fetched struct{ Dir string }
	if err := json.Unmarshal(out, &fetched); err != nil {
		return fmt.Errorf("fetch %s: %w", module, err)
	}
	if err := os.CopyFS(to, os.DirFS(fetched.Dir)); err != nil {
		return fmt.Errorf("copy %s: %w", module, err)
	}
	return nil
}
