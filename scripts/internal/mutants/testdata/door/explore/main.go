// Command explore tries guests at the door, more with each fault, and prints what cmd/explore prints of it.
package main

import (
	"flag"
	"fmt"
	"os"

	"door/door"
)

func main() {
	faults := flag.Int("k", 0, "")
	for _, name := range []string{"o", "workers", "limit"} {
		flag.String(name, "", "")
	}
	flag.Bool("quiet", false, "")
	flag.Parse()
	grown := 0
	for k, guests := range [][]door.Guest{{{Age: 17}, {Age: 40}}, {{Age: 5, Member: true}, {Age: 18}}} {
		for _, g := range guests {
			var log []string
			if k <= *faults && door.Allows(g, &log) != (g.Member || g.Age > 17) {
				fmt.Printf(`{"violation":{"problem":"wrong at the door","faults":%d}}`, k)
				os.Exit(1)
			}
			grown += len(log)
		}
	}
	if rows := door.Rows(); len(rows) != 2 || rows[0] != (door.Row{Name: "front", Do: "knock", Undo: "leave"}) || rows[1].Do != "ring" {
		panic("the table")
	}
	fmt.Printf(`{"holds":true,"by_faults":[{"states":%d,"transitions":1,"ends":1}]}`, grown)
}
