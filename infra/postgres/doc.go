// Package postgres opens connection pools, migrates schemas, and tells which errors pass by themselves.
package postgres
