// Command generate writes contracts/dist anew. It is run by go generate, in the folder of contracts.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"ordersaga.internal/contracts/internal/generate"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate.Files(root)
	if err != nil {
		return err
	}
	dist := filepath.Join(root, "dist")
	if err := os.RemoveAll(dist); err != nil {
		return fmt.Errorf("clear dist: %w", err)
	}
	for name, content := range files {
		target := filepath.Join(dist, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}
