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

// Rules say what is mutated beyond what is so of itself, and what is not.
type Rules struct {
	Skip  []string    // functions, and calls of them, that are left alone
	Pairs [][2]string // fields of one struct that take each other's place
}

// File mutates a file, numbering from first.
func File(path string, text []byte, first int, rules Rules) (Source, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
	if err != nil {
		return Source{}, fmt.Errorf("mutate %s: %w", path, err)
	}
	m := &mutator{
		set: set, out: Source{Path: path, Text: text}, next: first, rules: rules, names: map[string]int{},
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body != nil && !slices.Contains(rules.Skip, d.Name.Name) {
				m.function = d.Name.Name
				m.body(d.Body, d.Type)
			}
		case *ast.GenDecl:
			m.variables(d)
		}
	}
	m.out.Mutated = m.apply()
	return m.out, nil
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
	rules    Rules
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

// variables mutates what package variables are made of: a saga's definition is one.
func (m *mutator) variables(d *ast.GenDecl) {
	for _, s := range d.Specs {
		if v, ok := s.(*ast.ValueSpec); ok && d.Tok == token.VAR {
			for k, x := range v.Values {
				m.function = v.Names[min(k, len(v.Names)-1)].Name
				m.expression(x)
			}
		}
	}
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
