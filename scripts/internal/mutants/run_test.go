package mutants_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordersaga.internal/scripts/internal/mutants"
)

// door builds a program with every mutant of the little module in testdata.
func door(t *testing.T) *mutants.Built {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/door")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "go.mod.txt"), filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	b, err := mutants.Build(t.Context(), mutants.Plan{
		Root: root, Files: []string{"door/door.go"}, Rules: mutants.Rules{Pairs: [][2]string{{"Do", "Undo"}}},
		Program: [2]string{".", "./explore"}, Tests: []mutants.Tests{{Module: ".", Package: "./door", Run: "."}},
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const explained = "no guest is that old or young"

// Each mutant meets its fate, and the record holds it: first it is written, then explained by hand, then it is enough to
// go as far as it says.
func TestRun(t *testing.T) {
	t.Parallel()
	b, path := door(t), filepath.Join(t.TempDir(), "mutants.tsv")
	var out strings.Builder
	run := func(fast, update bool) error {
		out.Reset()
		return mutants.Run(t.Context(), b, mutants.Options{Record: path, Faults: 1, Fast: fast, Update: update, Out: &out})
	}
	if err := run(false, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a record: %v", err)
	}
	if err := run(false, true); !errors.Is(err, mutants.ErrDiffers) || !strings.Contains(out.String(), "nobody said why") {
		t.Errorf("of survivors that nobody explained: %v\n%s", err, out.String())
	}
	record := read(t, path)
	want := map[string]mutants.Fate{
		"not g.Age >= 18":                                                {Verdict: mutants.Falls, Why: "wrong at the door"},
		"boundary of g.Age >= 18":                                        {Verdict: mutants.Falls, Faults: 1, Why: "wrong at the door"},
		"without g.Member":                                               {Verdict: mutants.Falls, Faults: 1, Why: "wrong at the door"},
		`swapped with Undo: Do: "knock"`:                                 {Verdict: mutants.Falls, Why: "the program breaks: panic: the table"},
		`without row {Name: "back", Do: "ring"}`:                         {Verdict: mutants.Falls, Why: "the program breaks: panic: the table"},
		`leave out *log = append(*log, "grown")`:                         {Verdict: mutants.Tested, Other: true, Why: "./door TestLog"},
		"not g.Age != 11":                                                {Verdict: mutants.Tested, Other: true, Why: "./door TestLog"},
		"never g.Age < 0 || g.Age > 150":                                 {Verdict: mutants.Tested, Why: "./door TestBounds"},
		"boundary of g.Age > 150":                                        {Verdict: mutants.Stands, Why: mutants.Unexplained},
		`after the next row {Name: "front", Do: "knock", Undo: "leave"}`: {Verdict: mutants.Falls, Why: "the program breaks: panic: the table"},
	}
	for name, fate := range want {
		function := "Allows: "
		if strings.Contains(name, `"`) && !strings.Contains(name, "log") {
			function = "Rows: "
		}
		if got := record["door/door.go "+function+name]; got != fate {
			t.Errorf("%s: %+v, want %+v", name, got, fate)
		}
	}
	explain(t, path)
	for _, fast := range []bool{false, true} {
		if err := run(fast, false); err != nil {
			t.Errorf("fast %t: %v\n%s", fast, err, out.String())
		}
	}
	if !strings.Contains(out.String(), "fall to the exploration") {
		t.Errorf("no summary: %s", out.String())
	}
	if err := run(false, true); err != nil || read(t, path)["door/door.go Allows: boundary of g.Age > 150"].Why != explained {
		t.Errorf("written anew the reasons are lost: %v", err)
	}
	whole := read(t, path)
	out.Reset()
	some := mutants.Options{Record: path, Faults: 1, Update: true, Only: "Rows: without row", Out: &out}
	if err := mutants.Run(t.Context(), b, some); err != nil || !maps.Equal(read(t, path), whole) || !strings.HasPrefix(out.String(), "2 mutants in") {
		t.Errorf("some written anew: %v\n%s", err, out.String())
	}
}

// A record that says something else is wrong, also where only what it says is tried.
func TestRunDiffers(t *testing.T) {
	t.Parallel()
	b, path := door(t), filepath.Join(t.TempDir(), "mutants.tsv")
	options := mutants.Options{Record: path, Faults: 1, Update: true, Out: &strings.Builder{}}
	if err := mutants.Run(t.Context(), b, options); !errors.Is(err, mutants.ErrDiffers) {
		t.Fatal(err)
	}
	explain(t, path)
	honest := read(t, path)
	options.Update, options.Fast = false, true
	at := func(name string) string { return "door/door.go Allows: " + name }
	for name, lie := range map[string]mutants.Fate{
		"boundary of g.Age > 150":        {Verdict: mutants.Falls, Faults: 1, Why: "hope"},
		"boundary of g.Age >= 18":        {Verdict: mutants.Falls, Faults: 0, Why: "hope"},
		"never g.Age < 0 || g.Age > 150": {Verdict: mutants.Stands, Why: "hope"},
		"not g.Age != 11":                {Verdict: mutants.Tested, Why: "./door TestBounds"},
	} {
		record := maps.Clone(honest)
		record[at(name)] = lie
		if err := record.Write(path, b.Mutants); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		options.Out = &out
		if err := mutants.Run(t.Context(), b, options); !errors.Is(err, mutants.ErrDiffers) || strings.Count(out.String(), "wrong: "+at(name)) != 1 {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}

func read(t *testing.T, path string) mutants.Record {
	t.Helper()
	record, err := mutants.ReadRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// explain writes a reason for every survivor, as a person would.
func explain(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), mutants.Unexplained, explained)), 0o600); err != nil {
		t.Fatal(err)
	}
}
