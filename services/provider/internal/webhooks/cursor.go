package webhooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// cursor is the byte of the ledger up to which everything was delivered, kept in a file. The file is not synced: an older
// cursor means that lines are delivered again, which receivers have to cope with anyway.
type cursor struct {
	path string
	file *os.File
	at   atomic.Int64
}

// open reads the file, or begins at end where there is none. A file that makes no sense, after a crash of the machine,
// means the beginning: rather again than never.
func (c *cursor) open(end int64) error {
	data, err := os.ReadFile(c.path)
	at := end
	switch {
	case err == nil:
		if at, err = strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err != nil || at < 0 || at > end {
			at = 0
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("webhooks' cursor: %w", err)
	}
	if c.file, err = os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("webhooks' cursor: %w", err)
	}
	return c.move(at)
}

// move writes in place, always as many bytes: a file that is replaced several times a second costs the device more than the
// entries do.
func (c *cursor) move(at int64) error {
	if _, err := c.file.WriteAt(fmt.Appendf(nil, "%020d\n", at), 0); err != nil {
		return fmt.Errorf("webhooks' cursor: %w", err)
	}
	c.at.Store(at)
	return nil
}
