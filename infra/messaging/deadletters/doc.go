// Package deadletters is the operators' HTTP interface to a machine's dead letters, on the admin port of every program, as
// openapi.yaml beside it describes it.
package deadletters

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml openapi.yaml
