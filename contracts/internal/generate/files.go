package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"ordersaga.internal/contracts"
)

const (
	dialect = "https://json-schema.org/draft/2020-12/schema"
	base    = "https://ordersaga.internal/schemas/" // of $id: a name, not a place
)

// Files returns every generated file by its slash-separated path below dist. root is the folder of contracts.
func Files(root string) (map[string][]byte, error) {
	d, err := readDocs(root)
	if err != nil {
		return nil, err
	}
	samples, err := readSamples(root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, add := range []func(map[string][]byte) error{
		func(f map[string][]byte) error { return addSchemas(f, d) },
		func(f map[string][]byte) error { return addAsyncAPI(f, d, samples) },
		func(f map[string][]byte) error { return addOpenAPI(f, root) },
	} {
		if err := add(files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func addSchemas(files map[string][]byte, d docs) error {
	put := func(name string, s *schema) error {
		s.Dialect, s.ID = dialect, base+name
		content, err := encode(s)
		files["schemas/"+name] = content
		return err
	}
	for _, e := range contracts.Entries() {
		r := reader{docs: d, refs: "#/$defs/", defs: schemas{}}
		s, err := r.message(e)
		if err != nil {
			return err
		}
		s.Defs = r.defs
		if err := put(e.Type+".json", s); err != nil {
			return err
		}
	}
	if err := put("headers/event.json", headers(false)); err != nil {
		return err
	}
	return put("headers/command.json", headers(true))
}

// addOpenAPI copies the documents: dist is complete without the rest of the repository.
func addOpenAPI(files map[string][]byte, root string) error {
	documents, err := filepath.Glob(filepath.Join(root, "openapi", "*.yaml"))
	if err != nil {
		return fmt.Errorf("find OpenAPI documents: %w", err)
	}
	for _, name := range documents {
		content, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("copy OpenAPI document: %w", err)
		}
		files[path.Join("openapi", filepath.Base(name))] = content
	}
	return nil
}

// readSamples returns the golden samples, by wire type.
func readSamples(root string) (map[string]json.RawMessage, error) {
	names, err := filepath.Glob(filepath.Join(root, "samples", "*.json"))
	if err != nil {
		return nil, fmt.Errorf("find samples: %w", err)
	}
	samples := map[string]json.RawMessage{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read sample: %w", err)
		}
		samples[strings.TrimSuffix(filepath.Base(name), ".json")] = bytes.TrimSpace(content)
	}
	return samples, nil
}
