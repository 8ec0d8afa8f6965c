package fulfilment

import "ordersaga.internal/processmanager/saga"

// Newest is the version that orders begin under.
var Newest = V1

// Versions holds the next one, too, before any order begins under it.
func Versions() *saga.Set { return saga.NewSet(V1, saga.NotYet(V2)) }
