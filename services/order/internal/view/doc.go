// Package view is what the read model knows of one order: a fold of the three services' events that comes to the same row
// in every delivery order that the contracts allow, and under every repetition. It is pure: no I/O, no clock.
//
// Each column is written by one kind of event, so events of different sources never touch the same one. Of one source first
// appearances come in sequence order; whatever is not above the source's version was applied before.
package view
