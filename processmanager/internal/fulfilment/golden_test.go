package fulfilment_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What is generated from the table: the diagrams, and what every input does in every situation.
func TestGolden(t *testing.T) {
	t.Parallel()
	table, err := saga.Table(fulfilment.V1)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"diagram.mmd": saga.Diagram(fulfilment.V1),
		"diagram.svg": saga.DiagramSVG(fulfilment.V1),
		"table.md":    table,
	} {
		path := filepath.Join("testdata", name)
		if *update {
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
}
