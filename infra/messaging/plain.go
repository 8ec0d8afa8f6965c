//go:build !duplicator

package messaging

// around is what this build puts around a machine's handler: nothing. See duplicator.go.
func around[S any](*Machine[S]) error { return nil }
