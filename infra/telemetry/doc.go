// Package telemetry sets up logs, metrics and traces, so that every program has them in the same form: logs as JSON with
// the trace id, metrics in one Prometheus registry, traces by OTLP where the standard OTEL_ settings ask for them.
//
// Where no exporter is configured, nothing is sampled and no spans are made, but trace ids still travel from the first
// request to the last message.
package telemetry
