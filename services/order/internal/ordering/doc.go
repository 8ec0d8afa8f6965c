// Package ordering is what an order is: how it is placed and priced, how it ends, and when a request is the repetition of
// an earlier one. It is pure: no I/O, no clock.
package ordering
