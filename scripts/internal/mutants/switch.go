package mutants

import (
	_ "embed" // of switchSource
	"strings"
)

//go:embed switch.go.txt
var switchSource string

// Switch is the source of the file that each mutated package needs beside its own.
func Switch(pkg string) []byte {
	return []byte(strings.NewReplacer("PACKAGE", pkg, "VARIABLE", Variable).Replace(switchSource))
}
