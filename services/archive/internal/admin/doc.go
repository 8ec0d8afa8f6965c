// Package admin is the archive's HTTP interface for operators, as contracts/openapi/archive.yaml describes it.
package admin

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml ../../../../contracts/openapi/archive.yaml
