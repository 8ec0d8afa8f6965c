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

// OrderEventsV1 is a compatibility topic: a copy of OrderEvents, message by message, in which OrderPlaced is version 1; for
// consumers that cannot follow, until its end date. It exists where the order service is told to fill it.
const OrderEventsV1 = "order.events.v1"

// CompatibilityTopics returns the topics of copies. Nobody here consumes them, and no message is only there.
func CompatibilityTopics() []string { return []string{OrderEventsV1} }

// Carried returns the wire types on a topic, compatibility topics included, in the order of the saga.
func Carried(topic string) []string {
	var types []string
	for _, e := range Entries() {
		if e.Topic == topic || topic == OrderEventsV1 && e.Topic == OrderEvents && e.Type != (OrderPlacedV2{}).WireType() {
			types = append(types, e.Type)
		}
	}
	return types
}
