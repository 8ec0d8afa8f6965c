package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Disks are small file systems in memory under the servers' data folders, so that they can be filled. Only root can make
// them.
type Disks struct {
	mounted []string
	Not     string // why there are none, "" where there are
}

// MakeDisks makes a disk of so many bytes in each folder, which it makes.
func MakeDisks(bytes int64, folders ...string) (*Disks, error) {
	d := &Disks{}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("small disk: %w", err), d.Remove())
		}
		err := unix.Mount("ordersaga-chaos", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", bytes))
		if err != nil {
			d.Not = fmt.Sprintf("no small disk can be mounted here (%v)", err)
			return d, d.Remove()
		}
		d.mounted = append(d.mounted, folder)
	}
	return d, nil
}

// Remove unmounts the disks, with what is on them.
func (d *Disks) Remove() error {
	var errs []error
	for _, folder := range d.mounted {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", folder, err))
		}
	}
	d.mounted = nil
	return errors.Join(errs...)
}

// withoutDisks takes the faults out that cannot be made here, and says so.
func (x *Chaos) withoutDisks() {
	not := map[Kind]string{}
	if x.config.Disks == nil || x.config.Disks.Not != "" {
		reason := "no small disks"
		if x.config.Disks != nil {
			reason = x.config.Disks.Not
		}
		not[FillBroker], not[FillPostgres] = reason, reason
	} else if x.stack.Config.Kafka == "embedded" {
		not[FillBroker] = "the embedded broker goes on without its disk"
	}
	var kinds []Kind
	for _, k := range x.config.Kinds {
		if c := x.counts[k]; not[k] != "" {
			c.Not = not[k]
		} else {
			kinds = append(kinds, k)
		}
	}
	x.config.Kinds = kinds
}

// fill takes all that is free on the folder's disk, and keeps it until empty is called.
func fill(folder string) (empty func() error, err error) {
	path := filepath.Join(folder, "ballast")
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("fill the disk: %w", err)
	}
	defer f.Close() //nolint:errcheck // what is in it does not matter
	empty = func() error { return os.Remove(path) }
	block, size := make([]byte, 1<<20), int64(0)
	for len(block) > 0 {
		n, err := f.WriteAt(block, size)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2] // down to the last byte
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("fill the disk: %w", err), empty())
		}
	}
	return empty, nil
}

// evidence is how long a server may take to notice that its disk is full.
const evidence = 20 * time.Second

// fillPostgres fills the database's disk until programs were told so.
func (s stroke) fillPostgres(ctx context.Context) error {
	told := func(logs map[string]int64) bool {
		for path, from := range logs {
			if grew(path, from, "SQLSTATE 53100") {
				return true
			}
		}
		return false
	}
	return s.with([]*keeper{s.postgres}, func(k *keeper) error { return s.fillIt(ctx, k, s.stack.Postgres.Dir, told) })
}

// fillIt fills a server's disk, until it ended or told says that its clients know.
func (s stroke) fillIt(ctx context.Context, k *keeper, dir string, told func(logs map[string]int64) bool) error {
	logs := map[string]int64{}
	for _, p := range s.stack.Programs {
		if info, err := os.Stat(p.Log); err == nil {
			logs[p.Log] = info.Size()
		}
	}
	k.plan(s.Lasts) // where it ends, it stays away while the disk is full
	defer k.unplan()
	empty, err := fill(dir)
	if err != nil {
		return err
	}
	begin := time.Now()
	really := false
	for !really && time.Since(begin) < evidence && wait(ctx, 50*time.Millisecond) {
		really = !k.running() || told(logs)
	}
	full := time.Since(begin)
	ended := !k.running()
	if !ended {
		wait(ctx, s.Lasts)
	}
	if err := empty(); err != nil {
		return fmt.Errorf("empty the disk: %w", err)
	}
	how := "went on"
	if ended || !k.running() {
		how = "ended"
	}
	s.fired(really, "%s noticed within %.1f s and %s", k.name, full.Seconds(), how)
	return nil
}

// grew tells whether a file says this after an offset.
func grew(path string, from int64, text string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil || info.Size() <= from {
		return false
	}
	b := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(b, from); err != nil {
		return false
	}
	return strings.Contains(string(b), text)
}
