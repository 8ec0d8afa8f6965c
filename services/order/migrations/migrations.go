// Package migrations holds the order service's own tables.
package migrations

import "embed"

// FS holds the goose migrations.
//
//go:embed *.sql
var FS embed.FS

// Table is goose's version table for FS.
const Table = "goose_order"
