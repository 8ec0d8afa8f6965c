package mutants

import (
	"fmt"
	"go/ast"
	"go/token"
)

// condition mutates a guard: it holds never, or the other way round; and its parts.
func (m *mutator) condition(x ast.Expr) {
	m.call("mutantFalse", "never", x)
	if b, ok := x.(*ast.BinaryExpr); !ok || b.Op == token.LAND || b.Op == token.LOR {
		m.call("mutantNot", "not", x)
	}
	m.expression(x)
}

// expression mutates comparisons, the parts of what is joined, and constants of truth.
func (m *mutator) expression(x ast.Expr) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		m.binary(x)
	case *ast.ParenExpr:
		m.expression(x.X)
	case *ast.UnaryExpr:
		if l, ok := x.X.(*ast.CompositeLit); ok && x.Op == token.AND {
			m.fields(x, l, "")
			return
		}
		m.expression(x.X)
	case *ast.StarExpr:
		m.expression(x.X)
	case *ast.CallExpr:
		if m.skipped(x) {
			return
		}
		m.expression(x.Fun)
		for _, a := range x.Args {
			m.expression(a)
		}
	case *ast.CompositeLit:
		m.literal(x)
	case *ast.FuncLit:
		m.body(x.Body, x.Type)
	case *ast.Ident:
		if x.Name == "true" || x.Name == "false" {
			m.call("mutantNot", "not", x)
		}
	}
}

func (m *mutator) binary(x *ast.BinaryExpr) {
	switch x.Op {
	case token.LAND:
		m.call("mutantTrue", "without", x.X)
		m.call("mutantTrue", "without", x.Y)
	case token.LOR:
		m.call("mutantFalse", "without", x.X)
		m.call("mutantFalse", "without", x.Y)
	case token.EQL, token.NEQ:
		m.call("mutantNot", "not", x)
	case token.LSS, token.GTR, token.LEQ, token.GEQ:
		m.call("mutantNot", "not", x)
		m.boundary(x)
		return
	}
	m.expression(x.X)
	m.expression(x.Y)
}

// boundary mutates a comparison of order into that with the other answer where both are equal.
func (m *mutator) boundary(x *ast.BinaryExpr) {
	function := map[token.Token]string{
		token.GTR: "mutantGreater", token.GEQ: "mutantGreaterOrEqual", token.LSS: "mutantLess", token.LEQ: "mutantLessOrEqual",
	}[x.Op]
	if function == "" {
		return
	}
	m.wrap(x, fmt.Sprintf("%s(%d, ", function, m.add("boundary of", x)), ")")
	m.edits = append(m.edits, edit{at: m.at(x.OpPos), drop: len(x.Op.String()), text: ",", order: len(m.edits)})
	m.expression(x.X)
	m.expression(x.Y)
}
