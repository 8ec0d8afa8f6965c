// Package replay is the operators' HTTP interface to where a machine reads on, and how far back it shall read again, on the admin port of
// every program with a machine, as openapi.yaml beside it describes it.
package replay

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml openapi.yaml
