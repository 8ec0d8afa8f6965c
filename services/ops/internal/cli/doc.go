// Package cli is the command line of orderctl: what each command takes, asks and shows.
package cli
