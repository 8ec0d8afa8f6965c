package generate

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// docs are the comments of the contracts' Go types and fields, by "Type" and "Type.Field": what a Go reader is told, every
// reader is told.
type docs map[string]string

func readDocs(contracts string) (docs, error) {
	files, err := filepath.Glob(filepath.Join(contracts, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("find sources: %w", err)
	}
	d := docs{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read comments: %w", err)
		}
		for _, declaration := range file.Decls {
			if g, ok := declaration.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				d.types(g)
			}
		}
	}
	return d, nil
}

func (d docs) types(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		d.add(t.Name.Name, t.Doc, g.Doc)
		body, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range body.Fields.List {
			for _, name := range field.Names {
				d.add(t.Name.Name+"."+name.Name, field.Doc, field.Comment)
			}
		}
	}
}

func (d docs) add(name string, comments ...*ast.CommentGroup) {
	for _, c := range comments {
		if text := strings.Join(strings.Fields(c.Text()), " "); text != "" {
			d[name] = text
			return
		}
	}
}

func (d docs) of(name string) string { return d[name] }
