// Package payments decides what becomes of an order's money: pure, no I/O, no clock.
//
// An order has two operations, the authorization and the capture. Each is a state machine:
//
//	intended ──provider did it──▶ done ─────────────┐
//	   │ └─────provider refused──▶ refused          │ undo accepted
//	   └──────undo accepted, outcome unknown──▶ undoing ──undone at the provider──▶ undone
//	                                               ▲ └──provider refused for good──▶ undo_failed
//	                                               └───────a higher attempt────────────┘
//
// While it is intended or undoing it is open: the intent is committed, and a caller repeats the provider's call, with the
// same key, until there is an answer. Nothing is concluded from a call without an answer. Who undoes an operation whose
// outcome is not known closes it at the provider first, so that a late do fails, and undoes what exists.
package payments
