// Package kafka builds clients and topics: the one place where an option of the Kafka client is chosen, with its reason.
package kafka
