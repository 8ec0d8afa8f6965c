// Package orderview holds the read model's own tables, in its own database.
package orderview

import "embed"

// FS holds the goose migrations.
//
//go:embed *.sql
var FS embed.FS

// Table is goose's version table for FS.
const Table = "goose_orderview"
