// Package venv keeps Python programs that tests need in environments of their own in the user's cache, so that nothing is
// installed on the machine.
package venv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Ensure returns the folder of the programs of the environment that is called name and holds what a requirements file
// names. The first call on a machine, and the first after the file has changed, installs it.
func Ensure(ctx context.Context, name, requirements string) (bin string, err error) {
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("python environment %s: %w", name, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("python environment %s: %w", name, err)
	}
	dir := filepath.Join(cache, "ordersaga", name)
	bin, installed := filepath.Join(dir, "bin"), filepath.Join(dir, "installed.txt")
	if have, err := os.ReadFile(installed); err == nil && bytes.Equal(have, want) {
		return bin, nil
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", dir},
		{filepath.Join(bin, "python"), "-m", "pip", "-q", "install", "--disable-pip-version-check", "-r", requirements},
	} {
		if out, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("python environment %s: %v: %w\n%s", name, step, err, out)
		}
	}
	if err := os.WriteFile(installed, want, 0o600); err != nil {
		return "", fmt.Errorf("python environment %s: %w", name, err)
	}
	return bin, nil
}
