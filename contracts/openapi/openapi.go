// Package openapi holds the HTTP interfaces' OpenAPI 3.1 documents, for the servers that hold requests against them.
package openapi

import (
	"embed"
	"fmt"
)

// Files are the documents: order.yaml, warehouse.yaml and so on.
//
//go:embed *.yaml
var Files embed.FS

// Document returns the document of a service, in YAML.
func Document(service string) ([]byte, error) {
	document, err := Files.ReadFile(service + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document of %s: %w", service, err)
	}
	return document, nil
}
