// Package testkit gives tests real parts: a PostgreSQL schema, a Kafka broker and a token of their own.
//
// The parts are shared by all tests of a process and start when first asked for, on a free port of 127.0.0.1; they are gone
// when the process is, however it ends. Where these settings name running ones, those are used instead, so that many test
// processes can share them:
//
//	ORDERSAGA_TEST_POSTGRES       URL of a superuser's database
//	ORDERSAGA_TEST_KAFKA          host:port of any broker, for Kafka and the embedded half of EachBroker
//	ORDERSAGA_TEST_KAFKA_APACHE   host:port of a real Apache Kafka, for the other half
package testkit
