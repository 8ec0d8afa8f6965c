// Command orderctl is for operators: it says why an order is where it is, and repairs what needs somebody.
package main

import (
	"context"
	"os"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/cli"
)

func main() {
	os.Exit(program.Execute(context.Background(), cli.Command(os.Environ(), os.Stdin, os.Stdout, os.Stderr), os.Args[1:]))
}
