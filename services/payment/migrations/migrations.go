// Package migrations holds the payment service's own tables.
package migrations

import "embed"

// FS holds the goose migrations, to be run after messaging's with the version table Table.
//
//go:embed *.sql
var FS embed.FS

// Table is goose's version table.
const Table = "goose_payment"
