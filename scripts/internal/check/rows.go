package check

import "time"

// Rows is what the databases hold of one order, nil and empty where they hold nothing.
type Rows struct {
	Order      *OrderRow      `json:"order,omitempty"`      // orders.orders
	Operations []OperationRow `json:"operations,omitempty"` // payments.operation
	Hold       *HoldRow       `json:"hold,omitempty"`       // warehouse.holds
	Instance   *InstanceRow   `json:"instance,omitempty"`   // processmanager.instance
	History    []HistoryRow   `json:"history,omitempty"`    // processmanager.history
	Fence      []FenceRow     `json:"fence,omitempty"`      // fence of orders, payments, warehouse
}

// OrderRow is the order service's row.
type OrderRow struct {
	Customer     string `json:"customer_id"`
	Key          string `json:"idempotency_key"`
	Lines        []Line `json:"lines"`
	Total        Money  `json:"total"`
	Method       string `json:"payment_method"`
	ShipTo       string `json:"ship_to"`
	Status       string `json:"status"`
	Cancellation string `json:"cancellation"`
	Step         string `json:"step"`
	Reason       string `json:"reason"`
	Finished     bool   `json:"finished"`
	Version      int64  `json:"version"`
}

// OperationRow is one of payment's two for an order.
type OperationRow struct {
	Kind     string `json:"kind"` // "authorization" or "capture"
	State    string `json:"state"`
	Command  ID     `json:"command_id"`
	Amount   Money  `json:"amount"`
	Target   string `json:"target"`
	Settled  bool   `json:"settled"`
	Done     int64  `json:"done_minor"`
	Entry    string `json:"reference"` // the ledger's id of what was done
	Reason   string `json:"reason"`
	Code     string `json:"code"`
	Undo     *ID    `json:"undo_id"`
	Failures int    `json:"failures"`
	Undone   int64  `json:"undone_minor"`
}

// HoldRow is what an order holds, or held at last.
type HoldRow struct {
	State string `json:"state"`
	Lines []Line `json:"lines"`
}

// InstanceRow is the saga's.
type InstanceRow struct {
	Version    int    `json:"version"` // of its definition; 0 in recordings from before there was another
	Partition  int32  `json:"partition"`
	Customer   string `json:"customer_id"`
	Sequence   int64  `json:"sequence"`
	Finished   bool   `json:"finished"`
	Command    *ID    `json:"command_id"`
	Attempt    int    `json:"attempt"`
	Cancelling bool   `json:"cancelling"`
	State      string `json:"state"`
	Failed     string `json:"failed"`
	Reason     string `json:"reason"`
	Stuck      string `json:"stuck"`
	Steps      string `json:"steps"` // as it is stored: a line a step
}

// HistoryRow is what one input did to a saga.
type HistoryRow struct {
	Input      ID        `json:"input_id"`
	Transition int       `json:"transition"`
	At         time.Time `json:"at"`
	Topic      string    `json:"topic"` // "" for what is no message
	Offset     int64     `json:"offset"`
	Type       string    `json:"input"`
	Effect     string    `json:"effect"`
	Commands   []string  `json:"commands,omitempty"` // "ReserveStock.v1#1"
	Operator   string    `json:"operator,omitempty"`
}

// FenceRow is a participant's memory of the do or the undo of one operation.
type FenceRow struct {
	Database  string `json:"database"`
	Operation string `json:"operation"`
	Undo      bool   `json:"undo"`
	State     string `json:"state"`
	Command   *ID    `json:"command_id"`
	Attempt   int    `json:"attempt"`
	Sequence  int64  `json:"answer_sequence"`
	Type      string `json:"answer_type"`
	Topic     string `json:"answer_topic"`
	Data      string `json:"answer_data"`
}

// Letter is a dead letter of a group.
type Letter struct {
	Group     string    `json:"group"`
	Subject   *ID       `json:"subject"`
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Reason    string    `json:"reason"`
	Type      string    `json:"type"`
	Attempt   int       `json:"attempt"`
	DeadAt    time.Time `json:"dead_at"`
}

// Head says that a group lets an order's messages wait behind a dead letter: it is what alerts.
type Head struct {
	Group   string `json:"group"`
	Subject ID     `json:"subject"`
}

// StockRow is what the warehouse says of a SKU.
type StockRow struct {
	SKU        string `json:"sku"`
	Received   int64  `json:"received"`
	OnHand     int64  `json:"on_hand"`
	Reserved   int64  `json:"reserved"`
	Dispatched int64  `json:"dispatched"`
	WrittenOff int64  `json:"written_off"`
	Damaged    int64  `json:"damaged"`
}

// ChangeRow is what an operator told the warehouse.
type ChangeRow struct {
	Kind     string    `json:"kind"` // "receipt" or "damage"
	SKU      string    `json:"sku"`
	Quantity int64     `json:"quantity"`
	At       time.Time `json:"at"`
}

// ProductRow is a row of the catalogue.
type ProductRow struct {
	SKU   string `json:"sku"`
	Price Money  `json:"price"`
}

// Shared is what the databases hold that is no single order's.
type Shared struct {
	Stock    []StockRow   `json:"stock"`
	Changes  []ChangeRow  `json:"changes"`
	Products []ProductRow `json:"products"`
	Letters  []Letter     `json:"letters,omitempty"`
	Heads    []Head       `json:"heads,omitempty"`
	Storms   []string     `json:"storms,omitempty"` // steps whose deadlines are held, which alerts

	Unfinished, Counted int64 // orders that have not ended: as their rows say, and as the order service keeps count
}
