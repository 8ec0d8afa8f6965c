// Package versions tests that a message changes its version while the system runs: the producer's replicas are switched
// one after the other, and nobody notices but those who wanted to.
package versions
