// Package manager is what the process manager's admin API says: contracts/openapi/processmanager.yaml.
package manager

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml ../../../../../contracts/openapi/processmanager.yaml
