package messaging

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the goose migrations of the machine's own tables, to be run before a service's with the version table
// MigrationsTable.
var Migrations = mustSub(migrations, "migrations")

// MigrationsTable is goose's version table for Migrations.
const MigrationsTable = "goose_messaging"

func mustSub(f fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // only for an invalid dir
	}
	return sub
}
