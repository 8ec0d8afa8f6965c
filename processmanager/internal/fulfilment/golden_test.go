package fulfilment_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ordersaga.internal/processmanager/internal/fulfilment"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What is generated from each version's table: the diagrams, and what every input does in every situation. The newest
// version's are in testdata itself, those before it in a folder of their own.
func TestGolden(t *testing.T) {
	t.Parallel()
	for k, o := range fulfilment.Versions().Outlines() {
		dir := "testdata"
		if k > 0 {
			dir = filepath.Join(dir, fmt.Sprintf("v%d", o.Version))
		} else if o.Version != fulfilment.Newest.Version {
			t.Errorf("version %d is the newest in Versions, but Newest is %d", o.Version, fulfilment.Newest.Version)
		}
		table, err := o.Table()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join(dir, "diagram.mmd"), o.Mermaid())
		golden(t, filepath.Join(dir, "diagram.svg"), o.SVG())
		golden(t, filepath.Join(dir, "table.md"), table)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not current: run go test ./internal/fulfilment -update and read the difference", path)
	}
}
