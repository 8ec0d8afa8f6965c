// Package store keeps saga instances and their history in PostgreSQL. sql.go holds every statement, rows.go what an
// instance looks like as a row. All statements are set-based: one a table and batch.
package store
