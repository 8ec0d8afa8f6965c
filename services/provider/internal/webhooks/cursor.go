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
	at   atomic.Int64
}

// open reads the file, or begins at end where there is none. A file that makes no sense, after a crash of the machine,
// means the beginning: rather again than never.
func (c *cursor) open(end int64) error {
	data, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c.move(end)
	}
	if err != nil {
		return fmt.Errorf("webhooks' cursor: %w", err)
	}
	at, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || at < 0 || at > end {
		at = 0
	}
	c.at.Store(at)
	return nil
}

func (c *cursor) move(at int64) error {
	fresh := c.path + ".new"
	if err := os.WriteFile(fresh, strconv.AppendInt(nil, at, 10), 0o600); err != nil {
		return fmt.Errorf("webhooks' cursor: %w", err)
	}
	if err := os.Rename(fresh, c.path); err != nil {
		return fmt.Errorf("webhooks' cursor: %w", err)
	}
	c.at.Store(at)
	return nil
}
