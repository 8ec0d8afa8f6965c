package mutants_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ordersaga.internal/scripts/internal/mutants"
)

var (
	all  = []mutants.Mutant{{Number: 1, Name: "a"}, {Number: 2, Name: "b"}, {Number: 3, Name: "c"}}
	kept = mutants.Record{
		"a": {Verdict: mutants.Falls, Faults: 2, Why: "I3: dispatched, and not paid"},
		"b": {Verdict: mutants.Tested, Other: true, Why: "./saga TestTimers"},
		"c": {Verdict: mutants.Stands, Why: "only its capacity"},
	}
)

// What is written is read as it was, in the order of the mutants.
func TestRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mutants.tsv")
	if err := kept.Write(path, all); err != nil {
		t.Fatal(err)
	}
	got, err := mutants.ReadRecord(path)
	if err != nil || !maps.Equal(got, kept) {
		t.Errorf("%v, %v", got, err)
	}
	for _, line := range []string{"a\tfalls\t2", "a\tfalls\tmany\twhy", "a\tstands\t\twhy", "a\twins\t1\twhy"} {
		if err := os.WriteFile(path, []byte("# heading\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mutants.ReadRecord(path); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// Whatever differs is said, with what to do about it.
func TestCompare(t *testing.T) {
	t.Parallel()
	changed := func(name string, f mutants.Fate) mutants.Record {
		r := maps.Clone(kept)
		r[name] = f
		return r
	}
	for name, c := range map[string]struct {
		record, found mutants.Record
		all           []mutants.Mutant
		want          string
	}{
		"as recorded":             {kept, kept, all, ""},
		"an unexplained survivor": {changed("c", mutants.Fate{Verdict: mutants.Stands, Why: mutants.Unexplained}), kept, all, "c: stands, and nobody said why; strengthen"},
		"one without a reason":    {changed("c", mutants.Fate{Verdict: mutants.Stands}), kept, all, "c: stands, and nobody said why; strengthen"},
		"a new one":               {kept, kept, append(all[:3:3], mutants.Mutant{Number: 4, Name: "d"}), "d: not in the record; run scripts/explore --mutants --update"},
		"a vanished one":          {kept, kept, all[:2], "c: in the record, and no mutant any more; run scripts/explore --mutants --update"},
		"one that stands now":     {kept, changed("a", mutants.Fate{Verdict: mutants.Stands}), all, "a: stands; the record says that it falls with 2 faults"},
		"one that falls earlier":  {kept, changed("a", mutants.Fate{Verdict: mutants.Falls, Faults: 1, Why: "I2"}), all, "a: falls with 1 faults: I2; the record says"},
		"one that falls at last":  {kept, changed("c", mutants.Fate{Verdict: mutants.Falls, Faults: 3, Why: "I2"}), all, "c: falls with 3 faults: I2; the record says that it stands"},
		"another test fails":      {kept, changed("b", mutants.Fate{Verdict: mutants.Tested, Why: "./saga TestWaits"}), all, ""},
		"one that was not judged": {kept, mutants.Record{"a": kept["a"]}, all, ""},
	} {
		got := c.record.Compare(c.found, c.all)
		if ok := len(got) == 1 && strings.HasPrefix(got[0], c.want); !ok && !(c.want == "" && len(got) == 0) || !slices.IsSorted(got) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
