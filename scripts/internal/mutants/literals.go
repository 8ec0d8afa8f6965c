package mutants

import (
	"fmt"
	"go/ast"
	"strconv"
	"strings"
)

// literal mutates a literal. Of a struct each field is left out, and pairs of fields swapped; of a table, which is a list of
// structs, each row is left out, and neighbours change places: they, and each of their fields.
func (m *mutator) literal(x *ast.CompositeLit) {
	list, ok := x.Type.(*ast.ArrayType)
	if !ok {
		m.fields(x, x, "")
		return
	}
	m.rows(x)
	for _, e := range x.Elts {
		if row, ok := e.(*ast.CompositeLit); ok && row.Type == nil {
			m.fields(row, row, m.source(list.Elt))
			continue
		}
		m.expression(e)
	}
}

// fields mutates a struct's literal. whole is the literal, or takes its address; elided is its type where the source leaves
// that out.
func (m *mutator) fields(whole ast.Expr, x *ast.CompositeLit, elided string) {
	named := keyed(x)
	if first := m.next; len(named) > 0 && (x.Type != nil || elided != "") {
		function := "mutantFields("
		if whole != x {
			function = "mutantPointed("
		}
		var changes []string
		for _, kv := range named {
			m.add("without", kv)
			changes = append(changes, field(kv))
		}
		for _, p := range m.rules.Pairs {
			if a, b := value(named, p[0]), value(named, p[1]); a != nil && b != nil {
				m.add("swapped with "+p[1]+":", a)
				changes = append(changes, p[0]+" "+p[1])
			}
		}
		m.wrap(whole, function+elided, arguments(first, changes))
	}
	for _, e := range x.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		m.expression(e)
	}
}

// rows mutates a table.
func (m *mutator) rows(x *ast.CompositeLit) {
	first := m.next
	var changes []string
	for k, e := range x.Elts {
		row, ok := e.(*ast.CompositeLit)
		if !ok || len(keyed(row)) == 0 {
			return
		}
		m.add("without row", row)
		changes = append(changes, strconv.Itoa(k))
	}
	for k := range max(len(x.Elts)-1, 0) {
		row, next := x.Elts[k].(*ast.CompositeLit), keyed(x.Elts[k+1].(*ast.CompositeLit))
		m.add("after the next row", row)
		changes = append(changes, fmt.Sprintf("%d %d", k, k+1))
		for _, kv := range keyed(row) {
			other := value(next, field(kv))
			if other == nil || m.source(other) == m.source(kv) {
				continue
			}
			m.add("swapped with the next row's:", kv)
			changes = append(changes, fmt.Sprintf("%d %d %s", k, k+1, field(kv)))
		}
	}
	if len(changes) > 0 {
		m.wrap(x, "mutantRows(", arguments(first, changes))
	}
}

// arguments ends a call of a function of Switch that makes one of several changes.
func arguments(first int, changes []string) string {
	quoted := make([]string, len(changes))
	for k, c := range changes {
		quoted[k] = strconv.Quote(c)
	}
	return fmt.Sprintf(", %d, %s)", first, strings.Join(quoted, ", "))
}

// keyed returns the fields of a struct's literal that are named.
func keyed(x *ast.CompositeLit) []*ast.KeyValueExpr {
	if _, ok := x.Type.(*ast.MapType); ok {
		return nil
	}
	var list []*ast.KeyValueExpr
	for _, e := range x.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && field(kv) != "" {
			list = append(list, kv)
		}
	}
	return list
}

// field is the name of a field in a struct's literal, "" where the key is something else.
func field(kv *ast.KeyValueExpr) string {
	if name, ok := kv.Key.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func value(list []*ast.KeyValueExpr, name string) *ast.KeyValueExpr {
	for _, kv := range list {
		if field(kv) == name {
			return kv
		}
	}
	return nil
}
