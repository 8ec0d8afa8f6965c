// Package admin is the process manager's HTTP interface for operators, as contracts/openapi/processmanager.yaml describes
// it.
package admin

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml ../../../contracts/openapi/processmanager.yaml
