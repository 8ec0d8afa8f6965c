//go:build !linux

package stripetest

import "os/exec"

func start(cmd *exec.Cmd) error { return cmd.Start() }
