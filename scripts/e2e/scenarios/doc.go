// Package scenarios brings about, on a running system, what must be survived: each test is one or more of the numbered
// scenarios of scenarios.tsv, driven from outside, with faults on the links, at the provider and by kill -9. After each the
// checker reads everything that there is and must find nothing. The table names what else shows a scenario: where the
// machine alone, or an exploration, can be put into a corner that a whole system reaches only by luck, that is sharper.
package scenarios

import _ "embed"

// Table is scenarios.tsv; package internal/scenarios reads it.
//
//go:embed scenarios.tsv
var Table string
