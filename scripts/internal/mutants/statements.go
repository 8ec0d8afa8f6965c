package mutants

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// body mutates a function's body.
func (m *mutator) body(b *ast.BlockStmt, t *ast.FuncType) {
	outer := m.inIf
	m.inIf = false
	m.list(b.List, t.Results != nil && len(t.Results.List) > 0)
	m.inIf = outer
}

// list mutates statements. needed says that the last of them must not be left out: the function would lack a return.
func (m *mutator) list(list []ast.Stmt, needed bool) {
	for k, s := range list {
		last := needed && k == len(list)-1
		if !last && m.droppable(s) && !m.guarded(s, list) {
			m.wrap(s, fmt.Sprintf("if mutantOn != %d { ", m.add("leave out", s)), " }")
		}
		m.statement(s, last)
	}
}

// droppable tells whether a statement can be left out: it declares nothing, and is no note for people.
func (m *mutator) droppable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.IncDecStmt, *ast.ReturnStmt:
		return true
	case *ast.ExprStmt:
		return !m.skipped(s.X)
	}
	return false
}

// guarded tells whether a statement is all that an if does, and leaves the function: without it the guard holds never, which
// is another mutant.
func (m *mutator) guarded(s ast.Stmt, list []ast.Stmt) bool {
	_, leaves := s.(*ast.ReturnStmt)
	return leaves && len(list) == 1 && m.inIf
}

// skipped tells whether an expression calls a function that is left alone.
func (m *mutator) skipped(x ast.Expr) bool {
	c, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return slices.Contains(m.rules.Skip, f.Name)
	case *ast.SelectorExpr:
		return slices.Contains(m.rules.Skip, f.Sel.Name)
	}
	return false
}

func (m *mutator) statement(s ast.Stmt, needed bool) {
	switch s := s.(type) {
	case *ast.BlockStmt:
		m.list(s.List, needed)
	case *ast.IfStmt:
		m.simple(s.Init)
		m.condition(s.Cond)
		needed = needed && s.Else != nil
		m.inIf = true
		m.list(s.Body.List, needed)
		m.inIf = false
		if s.Else != nil {
			m.statement(s.Else, needed)
		}
	case *ast.SwitchStmt:
		m.simple(s.Init)
		for _, c := range s.Body.List {
			m.clause(c.(*ast.CaseClause), s.Tag != nil, needed)
		}
	case *ast.TypeSwitchStmt:
		for _, c := range s.Body.List {
			m.list(c.(*ast.CaseClause).Body, needed)
		}
	case *ast.ForStmt:
		if b, ok := s.Cond.(*ast.BinaryExpr); ok {
			m.boundary(b)
		}
		m.list(s.Body.List, false)
	case *ast.RangeStmt:
		m.list(s.Body.List, false)
	default:
		m.simple(s)
	}
}

// clause mutates a case: of a switch over a value it can come never, of one over conditions it is a guard.
func (m *mutator) clause(c *ast.CaseClause, tagged, needed bool) {
	for _, x := range c.List {
		if tagged {
			m.call("mutantNever", "no case", x)
			continue
		}
		m.condition(x)
	}
	m.list(c.Body, needed)
}

// simple mutates the expressions of a statement that holds no others.
func (m *mutator) simple(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		for _, x := range s.Rhs {
			m.expression(x)
		}
	case *ast.ReturnStmt:
		for _, x := range s.Results {
			m.expression(x)
		}
	case *ast.ExprStmt:
		if !m.skipped(s.X) {
			m.expression(s.X)
		}
	}
}
