package contracts_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ordersaga.internal/contracts"
)

// Every version ever published has a golden sample, and every sample is still read: as it is, byte for byte, or, after
// an upcast, as its newest version.
func TestGoldenSamples(t *testing.T) {
	t.Parallel()
	registry := contracts.NewRegistry()
	left := map[string]bool{}
	for _, e := range contracts.Entries() {
		left[e.Type] = true
	}
	names, err := filepath.Glob("samples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		wireType := strings.TrimSuffix(filepath.Base(name), ".json")
		delete(left, wireType)
		sample, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sample = bytes.TrimSuffix(sample, []byte("\n"))
		body, err := registry.Decode(wireType, sample)
		if err != nil {
			t.Errorf("%s is no longer read: %v", name, err)
			continue
		}
		newest, topic, again, err := registry.Encode(body)
		if err != nil || topic == "" {
			t.Errorf("%s: %v", name, err)
		}
		if newest == wireType && !bytes.Equal(again, sample) {
			t.Errorf("%s changed on the wire:\n got %s\nwant %s", name, again, sample)
		}
	}
	for wireType := range left {
		t.Errorf("no samples/%s.json", wireType)
	}
}

// A later neighbour may add properties to a version; readers of today go on as if they were not there.
func TestPropertiesOfTomorrowAreIgnored(t *testing.T) {
	t.Parallel()
	registry := contracts.NewRegistry()
	for _, e := range contracts.Entries() {
		_, _, data, err := registry.Encode(e.Zero)
		if err != nil {
			t.Fatal(err)
		}
		later := append([]byte(`{"of_tomorrow":{"a":[1]},`), data[1:]...)
		body, err := registry.Decode(e.Type, later)
		if err != nil || !reflect.DeepEqual(body, must(registry.Decode(e.Type, data))) {
			t.Errorf("%s: %v: %s is read as %+v", e.Type, err, later, body)
		}
	}
}

func must(body any, err error) any {
	if err != nil {
		panic(err)
	}
	return body
}

// The bodies start with the order's id, lower case, so that people find it with kcat.
func TestEveryPayloadStartsWithTheOrder(t *testing.T) {
	t.Parallel()
	registry := contracts.NewRegistry()
	for _, e := range contracts.Entries() {
		_, _, data, err := registry.Encode(e.Zero)
		if err != nil || !bytes.HasPrefix(data, []byte(`{"order_id":"00000000-0000-0000-0000-000000000000"`)) {
			t.Errorf("%s: %s %v", e.Type, data, err)
		}
	}
}
