// Package gate keeps what was published compatible: the folder published holds the schema, sample and topic of every
// version ever published, as they were; what the Go types say now is held against it. docs/versions.md says what to do where
// it fails.
package gate
