// Package migrations holds loyalty's own tables, as goose migrations. They are only ever added to.
package migrations

import "embed"

// FS holds the migrations, in the folder's root.
//
//go:embed *.sql
var FS embed.FS

// Table is goose's version table for them.
const Table = "goose_loyalty"
