package contracts

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/uuid"
)

// Message is a body.
type Message interface {
	// WireType is its name, a dot, "v" and its version.
	WireType() string
	// Subject is the order that it is about. Readers refuse a body whose record has another key.
	Subject() uuid.UUID
}

// ErrUnknownType is returned by Registry for a wire type or body that it does not hold.
var ErrUnknownType = errors.New("unknown message type")

// Entry ties a wire type to its topic and Go type. Zero is the Go type's zero value.
type Entry struct {
	Type  string
	Topic string
	Zero  Message
	Next  string // wire type of the version after it, which readers get instead; "" for the newest

	decode func([]byte) (any, error)
}

// old is an entry that a newer version succeeds: upcast makes that of it.
func old[T, N Message](topic string, upcast func(T) N) Entry {
	var next N
	e := of[T](topic)
	asItIs := e.decode
	e.Next = next.WireType()
	e.decode = func(data []byte) (any, error) {
		body, err := asItIs(data)
		if err != nil {
			return nil, err
		}
		return upcast(body.(T)), nil
	}
	return e
}

func of[T Message](topic string) Entry {
	var zero T
	return Entry{Type: zero.WireType(), Topic: topic, Zero: zero, decode: func(data []byte) (any, error) {
		var body T
		if err := json.Unmarshal(data, &body); err != nil {
			return nil, err
		}
		return body, nil
	}}
}

// Entries returns every message of every version ever published, in the order of the saga. Adding a message is one row
// here.
func Entries() []Entry {
	return []Entry{
		old(OrderEvents, OrderPlaced.upcast),
		of[OrderPlacedV2](OrderEvents),
		of[OrderCancellationRequested](OrderEvents),
		of[OrderCancellationDeclined](OrderEvents),
		of[OrderCompleted](OrderEvents),
		of[OrderRejected](OrderEvents),
		of[OrderCancelled](OrderEvents),
		of[CompleteOrder](OrderCommands),
		of[RejectOrder](OrderCommands),
		of[CancelOrder](OrderCommands),
		of[AuthorizePayment](PaymentCommands),
		of[CapturePayment](PaymentCommands),
		of[VoidPayment](PaymentCommands),
		of[RefundPayment](PaymentCommands),
		of[PaymentAuthorized](PaymentEvents),
		of[PaymentDeclined](PaymentEvents),
		of[PaymentCaptured](PaymentEvents),
		of[PaymentCaptureRefused](PaymentEvents),
		of[PaymentVoided](PaymentEvents),
		of[PaymentVoidFailed](PaymentEvents),
		of[PaymentRefunded](PaymentEvents),
		of[PaymentRefundFailed](PaymentEvents),
		of[ReserveStock](WarehouseCommands),
		of[ReleaseStock](WarehouseCommands),
		of[DispatchOrder](WarehouseCommands),
		of[StockReserved](WarehouseEvents),
		of[StockReservationRefused](WarehouseEvents),
		of[StockReleased](WarehouseEvents),
		of[OrderDispatched](WarehouseEvents),
		of[DispatchRefused](WarehouseEvents),
	}
}

// Registry encodes and decodes bodies. Its methods use standard types only, so that plumbing can declare the interface
// it needs.
type Registry struct {
	byType map[string]Entry
	byBody map[reflect.Type]Entry
	names  map[string]struct{}
}

// NewRegistry returns a registry of all Entries.
func NewRegistry() *Registry {
	r := &Registry{byType: map[string]Entry{}, byBody: map[reflect.Type]Entry{}, names: map[string]struct{}{}}
	for _, e := range Entries() {
		r.byType[e.Type] = e
		r.byBody[reflect.TypeOf(e.Zero)] = e
		r.names[name(e.Type)] = struct{}{}
	}
	return r
}

// Encode returns the wire type, topic and JSON of a body. Errors: ErrUnknownType.
func (r *Registry) Encode(body any) (wireType, topic string, data []byte, err error) {
	e, ok := r.byBody[reflect.TypeOf(body)]
	if !ok {
		return "", "", nil, fmt.Errorf("%w: Go type %T", ErrUnknownType, body)
	}
	data, err = json.Marshal(body)
	if err != nil {
		return "", "", nil, fmt.Errorf("encode %s: %w", e.Type, err)
	}
	return e.Type, e.Topic, data, nil
}

// Decode returns the body of a wire type, in its newest version. Errors: ErrUnknownType; JSON that does not fit.
func (r *Registry) Decode(wireType string, data []byte) (any, error) {
	e, ok := r.byType[wireType]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknownType, wireType)
	}
	body, err := e.decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", wireType, err)
	}
	return body, nil
}

// Known tells whether any version of the wire type's name is registered: "OrderPlaced.v9" is a known name of an unknown
// version.
func (r *Registry) Known(wireType string) bool {
	_, ok := r.names[name(wireType)]
	return ok
}

func name(wireType string) string {
	n, _, _ := strings.Cut(wireType, ".")
	return n
}
