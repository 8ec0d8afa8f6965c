package localstack

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// unprivileged makes dir, hands it to a user that PostgreSQL agrees to run as, and returns where it really is and how to
// become that user.
func unprivileged(dir string) (string, func() *syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, fmt.Errorf("data directory: %w", err)
		}
		return dir, func() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }, nil
	}
	cred, err := otherUser()
	if err != nil {
		return "", nil, err
	}
	if dir, err = reachable(dir, cred); err != nil {
		return "", nil, fmt.Errorf("data directory: %w", err)
	}
	if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
		return "", nil, fmt.Errorf("data directory: %w", err)
	}
	return dir, func() *syscall.SysProcAttr { return &syscall.SysProcAttr{Credential: cred} }, nil
}

// otherUser is postgres where there is one, else nobody.
func otherUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("PostgreSQL needs a user that is not root: %w", err)
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// reachable makes dir in a place that the other user can enter. Root's home, for one, is closed to everybody else, and
// stays so: the directory then lies in /var/tmp, with a link to it where it was wanted.
func reachable(dir string, cred *syscall.Credential) (string, error) {
	if real, err := filepath.EvalSymlinks(dir); err == nil && open(filepath.Dir(real)) {
		return real, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := openTemporary(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if open(filepath.Dir(dir)) {
		return dir, os.MkdirAll(dir, 0o700)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir)) // never fails
	elsewhere := fmt.Sprintf("/var/tmp/ordersaga-%x", h.Sum64())
	if err := os.Mkdir(elsewhere, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	// Anybody may make files in /var/tmp: it must be a directory that root, or the other user by our hand, owns.
	info, err := os.Lstat(elsewhere)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || owner.Uid != 0 && owner.Uid != cred.Uid {
		return "", fmt.Errorf("%s is not ours", elsewhere)
	}
	if err := os.Symlink(elsewhere, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return elsewhere, nil
}

// openTemporary lets everybody pass through temporary folders of ours, as far as there are any in dir.
func openTemporary(dir string) error {
	for _, temporary := range []string{os.TempDir(), "/dev/shm"} {
		for d := dir; strings.HasPrefix(d, temporary+"/"); d = filepath.Dir(d) {
			info, err := os.Stat(d)
			if err != nil {
				return err
			}
			if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != 0 {
				return nil // not ours
			}
			if err := os.Chmod(d, info.Mode().Perm()|0o001); err != nil {
				return err
			}
		}
	}
	return nil
}

// open tells whether every user can enter dir.
func open(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
