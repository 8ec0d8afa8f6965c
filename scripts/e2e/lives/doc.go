// Package lives brings about every kind of life that an order can have, on a stack of its own, and lets the checker judge
// all of them: as they are, and again after every consumer was rewound to offset 0. What it read is also what the checker's
// own tests tamper with: go test ./e2e/lives -update keeps it.
package lives
