// Package mutants makes mutants of Go source: it writes every change that could be made to a file into the file itself, each
// behind a switch, so that all of them take one build. Which one is on, the environment says.
package mutants

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// Variable of the environment that names the mutant that is on; none where it is unset.
const Variable = "ORDERSAGA_MUTANT"

// Mutant is one change.
type Mutant struct {
	Number int
	Name   string // file, function, what is changed: the same as long as the code is
}

// Source is one file and what it becomes.
type Source struct {
	Path    string // for names
	Text    []byte
	Mutated []byte
	Mutants []Mutant
}

// File mutates a file, numbering from first. skip names functions, and what calls to functions, are left alone.
func File(path string, text []byte, first int, skip []string) (Source, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
	if err != nil {
		return Source{}, fmt.Errorf("mutate %s: %w", path, err)
	}
	m := &mutator{
		set: set, out: Source{Path: path, Text: text}, next: first, skip: skip, names: map[string]int{},
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && !slices.Contains(skip, f.Name.Name) {
			m.function = f.Name.Name
			m.body(f.Body, f.Type)
		}
	}
	m.out.Mutated = m.apply()
	return m.out, nil
}

// Switch is the source of the file that each mutated package needs beside its own.
func Switch(pkg string) []byte {
	return []byte("package " + pkg + `

import (
	"cmp"
	"os"
	"reflect"
	"strconv"
)

var mutantOn, _ = strconv.Atoi(os.Getenv("` + Variable + `"))

func mutantNot(n int, v bool) bool { return v != (mutantOn == n) }

func mutantFalse(n int, v bool) bool { return v && mutantOn != n }

func mutantTrue(n int, v bool) bool { return v || mutantOn == n }

func mutantGreater[T cmp.Ordered](n int, a, b T) bool { return a > b || mutantOn == n && a == b }

func mutantGreaterOrEqual[T cmp.Ordered](n int, a, b T) bool { return a > b || mutantOn != n && a == b }

func mutantLess[T cmp.Ordered](n int, a, b T) bool { return mutantGreater(n, b, a) }

func mutantLessOrEqual[T cmp.Ordered](n int, a, b T) bool { return mutantGreaterOrEqual(n, b, a) }

func mutantNever[T any](n int, v T) T {
	if mutantOn != n {
		return v
	}
	switch p := reflect.ValueOf(&v).Elem(); p.Kind() {
	case reflect.String:
		p.SetString("never")
	case reflect.Uint8:
		p.SetUint(255)
	default:
		panic("a mutant of a case of kind " + p.Kind().String())
	}
	return v
}
`)
}

// edit inserts text at an offset, and drops as many bytes of what was there.
type edit struct {
	at, drop int
	text     string
	closing  bool
	order    int
}

type mutator struct {
	set      *token.FileSet
	out      Source
	next     int
	skip     []string
	function string
	edits    []edit
	names    map[string]int
	inIf     bool // the list at work is what an if does
}

// add makes a mutant of a node and returns its number.
func (m *mutator) add(what string, n ast.Node) int {
	base := m.out.Path
	snippet := strings.Join(strings.Fields(m.source(n)), " ")
	if runes := []rune(snippet); len(runes) > 70 {
		snippet = string(runes[:67]) + "..."
	}
	name := fmt.Sprintf("%s %s: %s %s", base, m.function, what, snippet)
	m.names[name]++
	if k := m.names[name]; k > 1 {
		name += fmt.Sprintf(" (%d)", k)
	}
	number := m.next
	m.next++
	m.out.Mutants = append(m.out.Mutants, Mutant{number, name})
	return number
}

func (m *mutator) source(n ast.Node) string { return string(m.out.Text[m.at(n.Pos()):m.at(n.End())]) }

func (m *mutator) at(p token.Pos) int { return m.set.Position(p).Offset }

// wrap puts text around a node. Of several around one, the first is outermost.
func (m *mutator) wrap(n ast.Node, before, after string) {
	m.edits = append(m.edits,
		edit{at: m.at(n.Pos()), text: before, order: len(m.edits)},
		edit{at: m.at(n.End()), text: after, closing: true, order: len(m.edits)})
}

// call makes a mutant by a call of a function of Switch around an expression.
func (m *mutator) call(function, what string, n ast.Expr) {
	m.wrap(n, fmt.Sprintf("%s(%d, ", function, m.add(what, n)), ")")
}

func (m *mutator) apply() []byte {
	slices.SortStableFunc(m.edits, func(a, b edit) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.closing != b.closing: // what ends here ends before anything begins
			if a.closing {
				return -1
			}
			return 1
		case a.closing:
			return cmp.Compare(b.order, a.order)
		}
		return cmp.Compare(a.order, b.order)
	})
	var out []byte
	from := 0
	for _, e := range m.edits {
		out = append(append(out, m.out.Text[from:e.at]...), e.text...)
		from = e.at + e.drop
	}
	return append(out, m.out.Text[from:]...)
}
