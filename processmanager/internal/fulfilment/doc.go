// Package fulfilment defines the order saga: definition.go is the page that says what happens to an order.
package fulfilment
