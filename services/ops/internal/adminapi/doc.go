// Package adminapi speaks to the admin ports of the programs, and to the sandbox provider's ledger, as an operator.
package adminapi
