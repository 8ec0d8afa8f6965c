package contracts

// The topics. Each has Partitions partitions; the key is the order id.
const (
	OrderEvents       = "order.events"
	OrderCommands     = "order.commands"
	PaymentEvents     = "payment.events"
	PaymentCommands   = "payment.commands"
	WarehouseEvents   = "warehouse.events"
	WarehouseCommands = "warehouse.commands"
)

// Partitions is the partition count of every topic. One order has the same partition number on all of them, so it must
// never be changed in place.
const Partitions = 12

// Topics returns every contract topic.
func Topics() []string {
	return []string{OrderEvents, OrderCommands, PaymentEvents, PaymentCommands, WarehouseEvents, WarehouseCommands}
}

// EventTopics returns the topics of events: what the process manager and read models consume.
func EventTopics() []string { return []string{OrderEvents, PaymentEvents, WarehouseEvents} }
