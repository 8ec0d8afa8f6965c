package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"ordersaga.internal/contracts"
	"ordersaga.internal/contracts/internal/generate"
)

// Folder of what was published, below that of contracts.
const Folder = "published"

// Version is one version of a message, or the headers of all events or commands, as readers were told. Headers have neither
// sample nor topic.
type Version struct {
	Schema []byte
	Sample []byte
	Topic  string
}

// Published returns what was frozen, by wire type; "headers/event" and "headers/command" are among them. root is the folder
// of contracts.
func Published(root string) (map[string]Version, error) {
	frozen := map[string]Version{}
	base := filepath.Join(root, Folder)
	err := filepath.WalkDir(base, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(base, name)
		if err != nil {
			return err
		}
		folder, file := path.Split(filepath.ToSlash(relative))
		folder = strings.TrimSuffix(folder, "/")
		v := frozen[folder]
		switch file {
		case "schema.json":
			v.Schema = content
		case "sample.json":
			v.Sample = content
		case "topic":
			v.Topic = string(bytes.TrimSpace(content))
		}
		frozen[folder] = v
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was published: %w", err)
	}
	return frozen, nil
}

// Present returns what the Go types and the samples say now, in the same shape.
func Present(root string) (map[string]Version, error) {
	files, err := generate.Files(root)
	if err != nil {
		return nil, err
	}
	present := map[string]Version{
		"headers/event":   {Schema: files["schemas/headers/event.json"]},
		"headers/command": {Schema: files["schemas/headers/command.json"]},
	}
	for _, e := range contracts.Entries() {
		sample, err := os.ReadFile(filepath.Join(root, "samples", e.Type+".json"))
		if err != nil {
			return nil, fmt.Errorf("sample: %w", err)
		}
		present[e.Type] = Version{Schema: files["schemas/"+e.Type+".json"], Sample: sample, Topic: e.Topic}
	}
	return present, nil
}

// ErrIncompatible is returned by Freeze.
var ErrIncompatible = errors.New("not compatible with what was published")

// Freeze publishes what is new: versions, and optional additions to old ones. Errors: ErrIncompatible, and then nothing is
// written.
func Freeze(root string) error {
	frozen, err := Published(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	present, err := Present(root)
	if err != nil {
		return err
	}
	if faults := append(Compare(frozen, present), Samples(frozen)...); len(faults) > 0 {
		return fmt.Errorf("%w:\n%s", ErrIncompatible, Report(faults))
	}
	for wireType, v := range present {
		folder := filepath.Join(root, Folder, filepath.FromSlash(wireType))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		for name, content := range map[string][]byte{"schema.json": v.Schema, "sample.json": v.Sample, "topic": []byte(v.Topic + "\n")} {
			if v.Topic == "" && name != "schema.json" {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	return nil
}
