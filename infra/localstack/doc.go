// Package localstack starts real parts on this machine, without containers: PostgreSQL, Apache Kafka, and an in-process
// broker that speaks Kafka's protocol with its log on disk. It serves the tests and scripts/up. Everything listens on
// 127.0.0.1 only, dies with the process that started it, and is for development: one broker, one database server, no
// replication.
package localstack
