package fulfilment

import "ordersaga.internal/processmanager/saga"

// Newest is the version on the page, in the README's diagram, and under exploration.
var Newest = V1

// Versions holds every version that an order in flight may have started with. A new one is added, never put in place of
// an old one; new orders take the newest. A release adds it as saga.NotYet, the next one without: a program that does not know
// an order's version sets its messages aside.
func Versions() *saga.Set { return saga.NewSet(V1) }
