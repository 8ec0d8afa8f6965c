package generate_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ordersaga.internal/contracts/internal/generate"
)

func TestDistIsCurrent(t *testing.T) {
	t.Parallel()
	const root = "../.."
	want, err := generate.Files(root)
	if err != nil {
		t.Fatal(err)
	}
	dist := filepath.Join(root, "dist")
	err = filepath.WalkDir(dist, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dist, path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if content, ok := want[filepath.ToSlash(name)]; !ok || !bytes.Equal(got, content) {
			t.Errorf("dist/%s is not current: run `go generate` in contracts", name)
		}
		delete(want, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("dist/%s is missing: run `go generate` in contracts", name)
	}
}
