// Package messaging is the machine that every service is built on: it consumes a batch of Kafka records, loads what they
// touch, decides in memory, and saves state, positions and outgoing messages in one PostgreSQL transaction; a relay
// publishes what was committed. Whatever fails in between, the effect of each message on the database happens once, and
// what it caused is published at least once, in order.
package messaging
