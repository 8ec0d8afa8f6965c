package fulfilment

import "ordersaga.internal/processmanager/saga"

// Versions holds every version that an order in flight may have started with. A new one is added, never put in place of
// an old one; new orders take the newest.
func Versions() *saga.Set { return saga.NewSet(V1) }
