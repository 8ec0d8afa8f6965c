// Package contracts is what the services say to each other: the Go type of every message, the registry that ties each
// wire type to its Go type and topic, and the encoding. It imports the standard library and uuid only, so that any
// program can depend on it.
//
// A message is an event (a fact, past tense, on a topic that ends in ".events"), a command (an intent, imperative,
// exactly one handler, on a topic that ends in ".commands"), or a refusal (a business "no", itself an event that
// carries a [Reason]). Its JSON value is snake_case and starts with order_id. Messages carry references only: names and
// addresses stay in the order database, where they can be erased.
package contracts

//go:generate go run ./cmd/generate
