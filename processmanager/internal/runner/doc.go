// Package runner is the middle of the process manager's machine: it loads the saga instances of a batch, lets saga.Set
// decide, and saves them with their history. Deadlines and operators' wishes are inputs like events.
package runner
