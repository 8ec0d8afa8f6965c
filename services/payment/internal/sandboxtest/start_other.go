//go:build !linux

package sandboxtest

import "os/exec"

func start(cmd *exec.Cmd) error { return cmd.Start() }
