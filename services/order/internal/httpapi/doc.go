// Package httpapi is the order service's HTTP interface, as contracts/openapi/order.yaml describes it: the generated
// server decodes and routes, the handlers here translate to and from package ordering.
package httpapi

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml ../../../../contracts/openapi/order.yaml
