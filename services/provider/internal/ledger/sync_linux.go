package ledger

import (
	"os"
	"syscall"
)

// syncData is fdatasync: the data and the file's size reach the device, its times need not.
func syncData(file *os.File) error {
	for {
		err := syscall.Fdatasync(int(file.Fd()))
		if err != syscall.EINTR { //nolint:errorlint // a plain errno
			return err
		}
	}
}
