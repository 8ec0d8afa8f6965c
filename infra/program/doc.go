// Package program is what every program here has in common: commands (serve, migrate, version), settings from the
// environment and flags, exit codes, signals, and the order in which parts start and stop.
package program
