package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// recoverLines replays every complete line and cuts off what follows the last line feed. It returns the size.
func recoverLines(file *os.File, replay func([]byte) error) (int64, error) {
	reader := bufio.NewReaderSize(file, 1<<20)
	var size int64
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, cut(file, size, len(line))
		}
		if err != nil {
			return 0, fmt.Errorf("read ledger: %w", err)
		}
		if err := replay(line[:len(line)-1]); err != nil {
			return 0, fmt.Errorf("ledger line %d: %w", number, err)
		}
		size += int64(len(line))
	}
}

func cut(file *os.File, size int64, torn int) error {
	if torn > 0 {
		if err := file.Truncate(size); err != nil {
			return fmt.Errorf("cut torn line off the ledger: %w", err)
		}
	}
	if _, err := file.Seek(size, io.SeekStart); err != nil {
		return fmt.Errorf("seek in ledger: %w", err)
	}
	return nil
}

// syncFolder makes a new file's name durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("open the ledger's folder: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync the ledger's folder: %w", err)
	}
	return nil
}
