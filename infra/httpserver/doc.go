// Package httpserver is what every HTTP interface here has in common: problems (RFC 9457), bearer tokens, requests held
// against their OpenAPI document, the admin port, and a server with limits, metrics and an orderly end.
package httpserver
