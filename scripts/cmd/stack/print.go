package main

import (
	"encoding/json"
	"fmt"
	"io"

	"ordersaga.internal/scripts/internal/load"
)

// printJSON prints a result for programs, on a line.
func printJSON(out io.Writer, result any) error {
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printEnds prints what became of the orders of these kinds; byKind as in load.Log.
func printEnds(out io.Writer, kinds []load.Kind, byKind map[load.Kind]map[string]int) {
	fmt.Fprintf(out, "\n%-18s %9s %9s %9s %9s\n", "orders", "completed", "rejected", "cancelled", "not ended")
	for _, k := range kinds {
		e := byKind[k]
		fmt.Fprintf(out, "%-18s %9d %9d %9d %9d\n", k, e["OrderCompleted"], e["OrderRejected"], e["OrderCancelled"], e[""])
	}
}
