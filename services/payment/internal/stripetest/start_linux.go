package stripetest

import (
	"os/exec"
	"syscall"
)

// start makes the process die with the test, however that ends.
func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Start()
}
