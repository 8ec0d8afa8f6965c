// Package stack runs the whole system on this machine: it builds the programs, starts PostgreSQL and a broker, makes
// databases, roles and topics, starts every program as a process of its own, loads the seed through the APIs, and stops
// all of it again.
package stack
