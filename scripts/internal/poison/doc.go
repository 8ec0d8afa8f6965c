// Package poison is the people and the pure parts of scripts/poison: customers who place orders at a steady rate, every
// so-manieth of them marked; an ear that keeps what was said of the marked ones and sends it again; an operator who redrives
// them; what their lives are compared by, and what a window of time came to.
package poison
