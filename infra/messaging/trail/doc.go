// Package trail tells operators, on a program's admin port, what one service knows of one subject: its own rows, what waits
// in the outbox, the fence, dead letters, and how far it has read. Its interface is described outside of infra, by
// the document that Config takes.
package trail

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml ../../../contracts/openapi/trail.yaml
