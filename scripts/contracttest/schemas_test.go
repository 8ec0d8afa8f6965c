// Package contracttest holds what contracts publishes against what independent readers make of it: a JSON Schema
// validator, and the tap in Python. It lives here so that contracts needs nothing but the standard library and uuid.
package contracttest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordersaga.internal/contracts"
)

const (
	schemaDir = "../../contracts/dist/schemas"
	sampleDir = "../../contracts/samples"
)

func sample(t *testing.T, wireType string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(sampleDir, wireType+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

// fits tells whether a value fits a published schema.
func fits(t *testing.T, schema string, value []byte) error {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(schemaDir, schema+".json"))
	if err != nil {
		t.Fatalf("%s is no JSON Schema: %v", schema, err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	return compiled.Validate(decoded)
}

func TestSamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	for _, e := range contracts.Entries() {
		if err := fits(t, e.Type, sample(t, e.Type)); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
}

// Every property of a sample is needed or bounded: without it, or with another type, the sample no longer fits. And one
// that the schema does not name is welcome, so that an additive change breaks nobody.
func TestSchemasRefuseWhatIsMissingOrWrong(t *testing.T) {
	t.Parallel()
	optional := map[string]bool{"shortages": true}
	for _, e := range contracts.Entries() {
		var whole map[string]any
		if err := json.Unmarshal(sample(t, e.Type), &whole); err != nil {
			t.Fatal(err)
		}
		for name, value := range whole {
			delete(whole, name)
			if err := fitsObject(t, e.Type, whole); err == nil && !optional[name] {
				t.Errorf("%s fits without %s", e.Type, name)
			}
			whole[name] = true
			if err := fitsObject(t, e.Type, whole); err == nil {
				t.Errorf("%s fits with a wrong %s", e.Type, name)
			}
			whole[name] = value
		}
		whole["added_later"] = map[string]any{"any": "thing"}
		if err := fitsObject(t, e.Type, whole); err != nil {
			t.Errorf("%s does not take an added property: %v", e.Type, err)
		}
	}
}

func fitsObject(t *testing.T, schema string, value any) error {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return fits(t, schema, data)
}
