package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"ordersaga.internal/contracts"
)

// Check returns what in root is not as it was published, or is not published yet.
func Check(root string) ([]string, error) {
	frozen, err := Published(root)
	if err != nil {
		return nil, err
	}
	present, err := Present(root)
	if err != nil {
		return nil, err
	}
	faults := append(Compare(frozen, present), Samples(frozen)...)
	if len(faults) > 0 {
		return faults, nil
	}
	for _, wireType := range slices.Sorted(maps.Keys(present)) {
		old, ok := frozen[wireType]
		if !ok || len(schemas(present[wireType].Schema, old.Schema)) > 0 {
			faults = append(faults, wireType+": is new, or has additions, and is not frozen yet: run `go run ./cmd/publish` in contracts")
		}
	}
	return faults, nil
}

// Report is the faults with what to do about them.
func Report(faults []string) string {
	return strings.Join(faults, "\n") + `
What was published stays as it is, but for optional additions: somebody reads it, and old records stay in the log.
Put it back, and say what is new in a new version: a Go type with the next number, an upcaster and a sample; then run
` + "`go run ./cmd/publish`" + ` in contracts. See contracts/docs/versions.md.`
}

// Compare returns where what is said now breaks those who read what was published.
func Compare(published, present map[string]Version) (faults []string) {
	for _, wireType := range slices.Sorted(maps.Keys(published)) {
		old := published[wireType]
		now, ok := present[wireType]
		if !ok {
			faults = append(faults, wireType+": the version is gone, but its records are in the log")
			continue
		}
		if now.Topic != old.Topic {
			faults = append(faults, fmt.Sprintf("%s: moved from topic %s to %s", wireType, old.Topic, now.Topic))
		}
		if !bytes.Equal(now.Sample, old.Sample) {
			faults = append(faults, wireType+": its golden sample changed")
		}
		for _, fault := range schemas(old.Schema, now.Schema) {
			faults = append(faults, wireType+": "+fault)
		}
	}
	return faults
}

// Samples returns which published samples the Go types no longer read as they are, or write differently.
func Samples(published map[string]Version) (faults []string) {
	registry := contracts.NewRegistry()
	for _, e := range contracts.Entries() {
		sample := bytes.TrimSpace(published[e.Type].Sample)
		if len(sample) == 0 {
			continue
		}
		if _, err := registry.Decode(e.Type, sample); err != nil {
			faults = append(faults, fmt.Sprintf("%s: the published sample is no longer read: %v", e.Type, err))
			continue
		}
		body := reflect.New(reflect.TypeOf(e.Zero)) // of this very version, not upcast
		if err := json.Unmarshal(sample, body.Interface()); err != nil {
			faults = append(faults, fmt.Sprintf("%s: the published sample is no longer read: %v", e.Type, err))
			continue
		}
		again, err := json.Marshal(body.Elem().Interface())
		if err != nil || !bytes.Equal(again, sample) {
			faults = append(faults, fmt.Sprintf("%s: the published sample is written differently now: %s", e.Type, again))
		}
	}
	return faults
}
