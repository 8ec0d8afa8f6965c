// Package check derives from the topics and from the payment provider's ledger what must be true of every order, and holds
// every database against it. It trusts nobody: it knows the wire, the saga and the tables from the documents, and shares
// no code with what it checks.
//
// It is pure: a Source gives it the records, the ledger's lines and the databases' rows, Judge gives back a Verdict.
// Package read has the Source of a running system; a Recording is one in memory.
//
// An order lives in one partition number of all topics. Judge goes through the partition numbers, a few at a time: it
// reads the six partitions of a number into stories (story.go, wire.go), fetches the rows of their orders, judges order by
// order (saga.go, answers.go, money.go, goods.go, outcome.go, tables.go, letters.go), and adds up what concerns all of
// them (shelf.go). A repeated record costs no memory; what is kept of an order is bounded by its distinct messages.
package check
