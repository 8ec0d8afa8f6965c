package check

// topic is one of the six, as an index into topicNames.
type topic uint8

const (
	orderEvents topic = iota
	orderCommands
	paymentEvents
	paymentCommands
	warehouseEvents
	warehouseCommands
	topicCount
)

var topicNames = [topicCount]string{
	"order.events", "order.commands", "payment.events", "payment.commands", "warehouse.events", "warehouse.commands",
}

// Topics returns the six topics.
func Topics() []string { return topicNames[:] }

func topicOf(name string) (topic, bool) {
	for t, n := range topicNames {
		if n == name {
			return topic(t), true
		}
	}
	return 0, false
}

// source is who speaks, as an index into sourceNames.
type source uint8

const (
	fromOrder source = iota
	fromPayment
	fromWarehouse
	fromManager
	sourceCount
)

var sourceNames = [sourceCount]string{"/services/order", "/services/payment", "/services/warehouse", "/services/processmanager"}

func sourceOf(name string) (source, bool) {
	for s, n := range sourceNames {
		if n == name {
			return source(s), true
		}
	}
	return 0, false
}

// kind is a message's type.
type kind uint8

const (
	noKind kind = iota
	orderPlaced
	cancellationRequested
	cancellationDeclined
	orderCompleted
	orderRejected
	orderCancelled
	completeOrder
	rejectOrder
	cancelOrder
	authorizePayment
	capturePayment
	voidPayment
	refundPayment
	paymentAuthorized
	paymentDeclined
	paymentCaptured
	paymentCaptureRefused
	paymentVoided
	paymentVoidFailed
	paymentRefunded
	paymentRefundFailed
	reserveStock
	releaseStock
	dispatchOrder
	stockReserved
	stockRefused
	stockReleased
	orderDispatched
	dispatchRefused
	kindCount
)

// vocabulary says of each type its name on the wire, its topic, and who alone may say it.
var vocabulary = [kindCount]struct {
	name   string
	topic  topic
	source source
}{
	orderPlaced:           {"OrderPlaced.v1", orderEvents, fromOrder},
	cancellationRequested: {"OrderCancellationRequested.v1", orderEvents, fromOrder},
	cancellationDeclined:  {"OrderCancellationDeclined.v1", orderEvents, fromOrder},
	orderCompleted:        {"OrderCompleted.v1", orderEvents, fromOrder},
	orderRejected:         {"OrderRejected.v1", orderEvents, fromOrder},
	orderCancelled:        {"OrderCancelled.v1", orderEvents, fromOrder},
	completeOrder:         {"CompleteOrder.v1", orderCommands, fromManager},
	rejectOrder:           {"RejectOrder.v1", orderCommands, fromManager},
	cancelOrder:           {"CancelOrder.v1", orderCommands, fromManager},
	authorizePayment:      {"AuthorizePayment.v1", paymentCommands, fromManager},
	capturePayment:        {"CapturePayment.v1", paymentCommands, fromManager},
	voidPayment:           {"VoidPayment.v1", paymentCommands, fromManager},
	refundPayment:         {"RefundPayment.v1", paymentCommands, fromManager},
	paymentAuthorized:     {"PaymentAuthorized.v1", paymentEvents, fromPayment},
	paymentDeclined:       {"PaymentDeclined.v1", paymentEvents, fromPayment},
	paymentCaptured:       {"PaymentCaptured.v1", paymentEvents, fromPayment},
	paymentCaptureRefused: {"PaymentCaptureRefused.v1", paymentEvents, fromPayment},
	paymentVoided:         {"PaymentVoided.v1", paymentEvents, fromPayment},
	paymentVoidFailed:     {"PaymentVoidFailed.v1", paymentEvents, fromPayment},
	paymentRefunded:       {"PaymentRefunded.v1", paymentEvents, fromPayment},
	paymentRefundFailed:   {"PaymentRefundFailed.v1", paymentEvents, fromPayment},
	reserveStock:          {"ReserveStock.v1", warehouseCommands, fromManager},
	releaseStock:          {"ReleaseStock.v1", warehouseCommands, fromManager},
	dispatchOrder:         {"DispatchOrder.v1", warehouseCommands, fromManager},
	stockReserved:         {"StockReserved.v1", warehouseEvents, fromWarehouse},
	stockRefused:          {"StockReservationRefused.v1", warehouseEvents, fromWarehouse},
	stockReleased:         {"StockReleased.v1", warehouseEvents, fromWarehouse},
	orderDispatched:       {"OrderDispatched.v1", warehouseEvents, fromWarehouse},
	dispatchRefused:       {"DispatchRefused.v1", warehouseEvents, fromWarehouse},
}

// secondPlaced is the one type of which there are two versions: see words.priced.
const secondPlaced = "OrderPlaced.v2"

var kindsByName = func() map[string]kind {
	m := make(map[string]kind, kindCount)
	for k := noKind + 1; k < kindCount; k++ {
		m[vocabulary[k].name] = k
	}
	m[secondPlaced] = orderPlaced
	return m
}()

// String is the type's name on the wire.
func (k kind) String() string { return vocabulary[k].name }

func (k kind) command() bool { return vocabulary[k].source == fromManager && k != noKind }

// Steps of the saga, as indexes into steps: the five of the table, then the two ends of unwinding.
const (
	stepReserve = iota
	stepAuthorize
	stepCapture
	stepDispatch
	stepComplete
	stepReject
	stepCancel
	stepCount
)

// steps is the saga's table: what each step says and hears, and the version of the definition that brought it.
var steps = [stepCount]struct {
	name                                    string
	do, done, refused, undo, undone, failed kind
	operation                               string // the participant's name of it
	since                                   int
}{
	stepReserve:   {"reserve stock", reserveStock, stockReserved, stockRefused, releaseStock, stockReleased, noKind, "stock", 1},
	stepAuthorize: {"authorize payment", authorizePayment, paymentAuthorized, paymentDeclined, voidPayment, paymentVoided, paymentVoidFailed, "authorization", 1},
	stepCapture:   {"capture payment", capturePayment, paymentCaptured, paymentCaptureRefused, refundPayment, paymentRefunded, paymentRefundFailed, "capture", 1},
	stepDispatch:  {"dispatch", dispatchOrder, orderDispatched, dispatchRefused, noKind, noKind, noKind, "dispatch", 1},
	stepComplete:  {"complete", completeOrder, orderCompleted, noKind, noKind, noKind, noKind, "complete", 1},
	stepReject:    {"reject", rejectOrder, orderRejected, noKind, noKind, noKind, noKind, "reject", 1},
	stepCancel:    {"cancel", cancelOrder, orderCancelled, noKind, noKind, noKind, noKind, "cancel", 1},
}

// role is what a message means to its step.
type role uint8

const (
	noRole role = iota
	does
	succeeds
	refuses
	undoes
	isUndone
	failsUndo
)

// meaning is the step and role of each type.
var meaning = func() (m [kindCount]struct {
	step int
	role role
}) {
	for s := range steps {
		t := &steps[s]
		for r, k := range map[role]kind{does: t.do, succeeds: t.done, refuses: t.refused, undoes: t.undo, isUndone: t.undone, failsUndo: t.failed} {
			if k != noKind {
				m[k].step, m[k].role = s, r
			}
		}
	}
	return m
}()

// asks returns the command that a message of this type answers, noKind where it answers none.
func (k kind) asks() kind {
	switch m := meaning[k]; m.role {
	case succeeds, refuses:
		return steps[m.step].do
	case isUndone, failsUndo:
		return steps[m.step].undo
	}
	return noKind
}

// commandID is what the id of a command must be: the same at every sending.
func commandID(order ID, k kind) ID {
	m := meaning[k]
	if m.role == undoes {
		return derived(order, steps[m.step].name+"/undo")
	}
	return derived(order, steps[m.step].name+"/do")
}

// reasons is the closed list.
var reasons = map[string]bool{"out_of_stock": true, "declined": true, "expired": true, "damaged": true, "timed_out": true, "superseded": true}
