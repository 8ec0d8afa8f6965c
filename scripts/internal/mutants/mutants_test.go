package mutants_test

import (
	"slices"
	"strings"
	"testing"

	"ordersaga.internal/scripts/internal/mutants"
)

// What is made of each kind of source.
func TestFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"a guard":                   {"func f(a, b int) { if a == b { g() } }", "f: never a == b; f: not a == b; f: leave out g()"},
		"a guard that only leaves":  {"func f(a bool) { if a { return }; g() }", "f: never a; f: not a; f: leave out g()"},
		"parts":                     {"func f(a, b bool) bool { return a && !(b || a) }", "f: without a; f: without !(b || a); f: without b; f: without a (2)"},
		"an order":                  {"func f(a int) bool { return a < 3 }", "f: not a < 3; f: boundary of a < 3"},
		"a case of a value":         {"func f(a int) { switch a { case 1: g() } }", "f: no case 1; f: leave out g()"},
		"a case of conditions":      {"func f(a bool) { switch { case a: g() } }", "f: never a; f: not a; f: leave out g()"},
		"a loop":                    {"func f() { for i := 0; i < 3; i++ { g(i) } }", "f: boundary of i < 3; f: leave out g(i)"},
		"a needed return is left":   {"func f() int { g(); return 1 }", "f: leave out g()"},
		"a constant":                {"func f() { g(true) }", "f: leave out g(true); f: not true"},
		"notes are left":            {`func f() { say(1 < 2) }`, ""},
		"a struct":                  {"func f() T { return T{A: 1, B: 2} }", "f: without A: 1; f: without B: 2; f: swapped with B: A: 1"},
		"one that is pointed at":    {"func f() *T { return &T{A: 1} }", "f: without A: 1"},
		"a map is no struct":        {"func f() map[K]int { return map[K]int{a: 1} }", ""},
		"a package variable":        {"var v = T{C: 1 == 2}", "v: without C: 1 == 2; v: not 1 == 2"},
		"a constant is no variable": {"const c = 1 == 2", ""},
		"a table": {
			"var v = []T{{A: 1, C: 2}, {A: 3, C: 2}}",
			"v: without row {A: 1, C: 2}; v: without row {A: 3, C: 2}; v: after the next row {A: 1, C: 2}; v: swapped with the next row's: A: 1; " +
				"v: without A: 1; v: without C: 2; v: without A: 3; v: without C: 2 (2)",
		},
	} {
		source, err := mutants.File("p/f.go", []byte("package p\n"+c.source), 7, mutants.Rules{Skip: []string{"say"}, Pairs: [][2]string{{"A", "B"}}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for k, m := range source.Mutants {
			if m.Number != 7+k {
				t.Errorf("%s: mutant %d has number %d", name, k, m.Number)
			}
			got = append(got, strings.TrimPrefix(m.Name, "p/f.go "))
		}
		if want := strings.Split(c.want, "; "); !slices.Equal(got, want) && c.want+strings.Join(got, "") != "" {
			t.Errorf("%s:\ngot  %s\nwant %s", name, strings.Join(got, "; "), c.want)
		}
	}
	if _, err := mutants.File("p/f.go", []byte("package"), 1, mutants.Rules{}); err == nil {
		t.Error("what cannot be parsed was mutated")
	}
}
