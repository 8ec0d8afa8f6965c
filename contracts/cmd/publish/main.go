// Command publish freezes what is new in the contracts into the folder published, from which on it stays as it is. With
// -check it changes nothing, and fails where something is not as it was published, or is not published yet. It runs in the
// folder of contracts.
package main

import (
	"flag"
	"fmt"
	"os"

	"ordersaga.internal/contracts/internal/gate"
)

func main() {
	check := flag.Bool("check", false, "change nothing")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	if !check {
		return gate.Freeze(root)
	}
	faults, err := gate.Check(root)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("%w:\n%s", gate.ErrIncompatible, gate.Report(faults))
	}
	return err
}
