// Package why answers why an order is where it is: it puts together what every program and every topic knows of the order, judges
// whether it all adds up, and says in one sentence what the order waits for.
package why
