package localstack

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed apache.pom.xml
var apachePOM []byte

//go:embed postgres.pom.xml
var postgresPOM []byte

// kafkaJars returns the folder of Kafka's jars.
func kafkaJars(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	return cached(cache, "kafka-4.4.0", func(dir string) error { return mavenCopy(ctx, apachePOM, dir) })
}

// cached returns a folder of the cache that fill fills, whole or not at all, when it is not there yet. Several processes
// may want it at once.
func cached(cache, name string, fill func(dir string) error) (string, error) {
	parent := filepath.Join(cache, "ordersaga")
	dir := filepath.Join(parent, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, name+"-*")
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover does no harm
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	if err := fill(tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, other := os.Stat(dir); other != nil {
			return "", fmt.Errorf("keep %s: %w", name, err)
		}
	}
	return dir, nil
}

// mavenCopy fetches the dependencies that a pom names into dir, from wherever this machine's Maven is set up to.
func mavenCopy(ctx context.Context, pom []byte, dir string) error {
	if _, err := exec.LookPath("mvn"); err != nil {
		return errors.New("mvn (Debian: apt-get install maven) is needed, once, to fetch it")
	}
	f, err := os.CreateTemp("", "ordersaga-*.xml")
	if err != nil {
		return fmt.Errorf("pom: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover does no harm
	if _, err := f.Write(pom); err != nil {
		return fmt.Errorf("pom: %w", errors.Join(err, f.Close()))
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("pom: %w", err)
	}
	out, err := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", f.Name(), "dependency:copy-dependencies",
		"-DoutputDirectory="+dir, "-DincludeScope=runtime").CombinedOutput()
	if err != nil {
		return fmt.Errorf("fetch by Maven: %w: %s", err, out)
	}
	return nil
}
