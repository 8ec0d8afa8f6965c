package localstack

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed apache.log4j2.yaml
var apacheLog []byte

// jvm knows how to call java for Kafka.
type jvm struct{ base []string }

func newJVM(_ context.Context, libs, dir string, c ApacheKafkaConfig) (jvm, error) {
	logConf := filepath.Join(dir, "log4j2.yaml")
	if err := os.WriteFile(logConf, apacheLog, 0o600); err != nil {
		return jvm{}, fmt.Errorf("broker's settings: %w", err)
	}
	heap := c.Heap
	if heap == "" {
		heap = "512m"
	}
	// One small collector, no huge pages and only the quick compiler: it shares the machine with everything else and lives
	// for minutes. The optimizing compiler took more CPU in that time than the broker itself, and did not earn it back.
	j := jvm{[]string{
		"-Xms" + heap, "-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=file:" + logConf,
	}}
	archive, err := archivePath(libs)
	if err != nil {
		return jvm{}, err
	}
	if c.record != "" {
		j.base = append(j.base, "-XX:ArchiveClassesAtExit="+c.record)
	} else if info, err := os.Stat(archive); err == nil && info.Size() > 0 {
		j.base = append(j.base, "-XX:SharedArchiveFile="+archive, "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")
	}
	j.base = append(j.base, "-cp", filepath.Join(libs, "*"))
	return j, nil
}

func (j jvm) args(args ...string) []string { return append(j.base[:len(j.base):len(j.base)], args...) }

// format prepares the storage directory that conf names.
func (j jvm) format(ctx context.Context, conf string) error {
	const anyID = "T3JkZXJTYWdhTG9jYWwwMQ" // of the cluster; 22 characters
	args := j.args("kafka.tools.StorageTool", "format", "-t", anyID, "-c", conf)
	if out, err := exec.CommandContext(ctx, "java", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's storage: %w: %s", err, out)
	}
	return nil
}

// ensureArchive makes, once for each java, an archive of the classes that a broker loads: starting then takes a third of
// the time. It runs a broker for that. Where it cannot be made, an empty file stands for it, and brokers start slowly.
func ensureArchive(ctx context.Context, libs string) error {
	archive, err := archivePath(libs)
	if err != nil {
		return err
	}
	if _, err := os.Stat(archive); err == nil {
		return nil
	}
	dir, err := os.MkdirTemp(libs, "recording-")
	if err != nil {
		return fmt.Errorf("record Kafka's classes: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover does no harm
	recorded := filepath.Join(dir, "kafka.jsa")
	k, err := startApache(ctx, libs, ApacheKafkaConfig{Dir: filepath.Join(dir, "broker"), record: recorded})
	if err != nil {
		return fmt.Errorf("record Kafka's classes: %w", err)
	}
	k.Process.Stop(syscall.SIGTERM, time.Minute)
	if _, err := os.Stat(recorded); err != nil {
		return touch(archive)
	}
	if err := os.Rename(recorded, archive); err != nil {
		return fmt.Errorf("keep Kafka's classes: %w", err)
	}
	return nil
}

// archivePath names an archive after the java that it is good for.
func archivePath(libs string) (string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return "", ErrNoJava
	}
	if java, err = filepath.EvalSymlinks(java); err != nil {
		return "", fmt.Errorf("find java: %w", err)
	}
	info, err := os.Stat(java)
	if err != nil {
		return "", fmt.Errorf("find java: %w", err)
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, java, info.Size(), info.ModTime().UnixNano())
	return filepath.Join(libs, fmt.Sprintf("java-%x.jsa", h.Sum64())), nil
}

func touch(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("record Kafka's classes: %w", err)
	}
	return errors.Join(f.Close())
}
