// Package read gives package check a running system: its topics, its databases and the provider's ledger, each read by the
// standard client and nothing of ours.
package read
