// Package httpapi is the warehouse's HTTP interface, for operators: contracts/openapi/warehouse.yaml.
package httpapi

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml ../../../../contracts/openapi/warehouse.yaml
