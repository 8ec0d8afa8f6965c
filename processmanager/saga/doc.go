// Package saga is a pure engine for sagas: no I/O, no clock. A Definition is a table of steps; Apply takes an instance and
// one input and returns the instance, the commands to send and a note for the history.
package saga
