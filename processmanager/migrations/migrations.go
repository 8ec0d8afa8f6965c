// Package migrations holds the process manager's schema, beside that of the machine.
package migrations

import "embed"

// FS holds the goose migrations.
//
//go:embed *.sql
var FS embed.FS

// Table is goose's version table.
const Table = "goose_processmanager"
