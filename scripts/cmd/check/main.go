// Command check derives from the topics and the payment provider's ledger what must be true of every order, and compares
// every database with it. It shares no code with what it checks.
package main

import (
	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/exit"
)

// errUsage marks an error of the command line.
var errUsage = exit.ErrUsage

func main() { exit.Main(command(), read.ErrUnreachable) }

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "check", Short: "Check what must always hold, trusting nobody", Args: cobra.NoArgs,
		Long: `Reads all six topics from offset 0 and the provider's ledger, derives what must be true of every order, and compares
every database with it: money, stock, one outcome an order, the order of messages, what follows from what, effects that
nothing explains. Orders that are stuck, owed, waived or behind a dead letter are listed by cause; they are no violation
where they alert.

It judges a system at rest: it waits until every position is at the end of its topic, the outboxes are empty and no order
is in flight, at most --wait. What is still moving then it refuses to judge; orders that are merely not finished it
judges, and names. It needs to be told what nobody can derive: the catalogue and what the warehouse received (--inputs),
and, to check that every 202 was kept, what customers were answered (--accepted).

To check that a rewind does nothing: --write-baseline before it, rewind, --baseline after it.

Exit codes: 0 holds, 1 does not hold or is not at rest, 2 usage, 3 not reachable.`,
		Example: `  scripts/check                                   # the stack of scripts/up
  scripts/check --data /tmp/mine -o json
  scripts/check --brokers 127.0.0.1:9092 --provider http://127.0.0.1:8085 --provider-key KEY \
    --postgres postgres://postgres@127.0.0.1:5433/postgres
  scripts/check --write-baseline before.json      # rewind something, then: scripts/check --baseline before.json
  scripts/check --record run.gz                   # later, without the system: scripts/check --replay run.gz`,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &o, cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.data, "data", "", "data folder of a running scripts/up; default .data of this checkout, unless addresses are given")
	f.StringVar(&o.at.Brokers, "brokers", "", "host:port of the brokers, comma-separated")
	f.StringVar(&o.at.Provider, "provider", "", "URL of the payment provider")
	f.StringVar(&o.at.ProviderKey, "provider-key", "", "its API key")
	f.StringVar(&o.at.Postgres, "postgres", "", "URL of a user who may read every database")
	f.StringSliceVar(&o.inputs, "inputs", nil, "files of declared catalogue, receipts and damage, added up; default scripts/seed.json")
	f.StringVar(&o.accepted, "accepted", "", `file of what customers were answered, a JSON object a line: {"order_id": …} for a 202, {"refused_key": …} for a 4xx`)
	f.DurationVar(&o.wait, "wait", defaultWait, "how long to wait for rest")
	f.IntVar(&o.parallel, "parallel", 2, "partitions read at a time")
	f.StringVar(&o.baseline, "baseline", "", "file of an earlier --write-baseline: nothing may have happened to its orders since")
	f.StringVar(&o.writeBaseline, "write-baseline", "", "file to write how everything is now")
	f.StringVar(&o.record, "record", "", "file to keep everything that was read in")
	f.StringVar(&o.replay, "replay", "", "file of an earlier --record, to judge instead of a running system")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}
