// Package crash kills a program at every point where it touches the world, starts it again, and asks that everything ends
// as if nothing had happened. It needs no hooks in the program: it stands at its ports, the database, Kafka, and whatever
// else is called, and understands enough of their protocols to know where a round trip begins and ends.
//
// A point is one round trip of one incarnation of the program: a pipelined batch of statements or a transaction's last
// batch with its COMMIT, a Kafka request, a call of the provider. It is named by its kind and its number within the run:
// "db insert outbox+commit #2". Which goroutine is first differs between runs, so a fault counts only when it really
// happened; what does not happen in three tries is reported and not counted.
//
// At each point of each scenario the incarnation is killed before the request leaves, or after its effect and before the
// answer comes, or lives on and only loses the answer (Mode). Killed, all of its connections end at once and nothing that
// its goroutines still try gets out; the next incarnation starts on the same database and broker. Everywhere does so for
// all single points, and then for seeded pairs: a second fault while the program recovers from the first.
//
// A module's test says what its program is (Incarnation), what it lives in (World), and what the outside does and expects
// (Scenario). The end of a scenario tells everything that matters in words: states, distinct messages, effects at the
// provider. They must be those of an undisturbed run. Log holds the messages to the promise that every reader has.
//
// What is made the same for every run: leases of the dead run out at once (World.Lapse; not in every eighth pair), and
// fetches that find nothing return soon. Requests that only look and are repeated as time passes (Fetch, Metadata,
// ListOffsets, Heartbeat) are points for the first times; what a connection or client does only at first (connecting,
// preparing statements) is one in scenarios of a Whole life.
//
// The modules' tests are built with the tag crash, to keep them out of the inner loop; scripts/test runs them as its step
// "crash". One module's:
//
//	go test -tags crash -count=1 -v -run TestCrash ./internal/runner
//
// Settings, all from the environment:
//
//	ORDERSAGA_CRASH_REPLAY    "SCENARIO: FAULTS", as printed with a violation: only that
//	ORDERSAGA_CRASH_TIMES     how often REPLAY is played: what depends on interleaving may need several. Default 1
//	ORDERSAGA_CRASH_ONLY      one scenario. Default all
//	ORDERSAGA_CRASH_PAIRS     how many pairs. Default 40
//	ORDERSAGA_CRASH_SEED      which pairs, and in which order everything is tried. Default 1
//	ORDERSAGA_CRASH_LOOKS     how many times looking is a point. Default 2
//	ORDERSAGA_CRASH_LANES     runs at once, each in a world of its own. Default 16
//	ORDERSAGA_CRASH_PATIENCE  seconds for one run. Default 45
//
// A long run, of one module:
//
//	ORDERSAGA_CRASH_PAIRS=5000 ORDERSAGA_CRASH_SEED=7 go test -tags crash -count=1 -v -timeout 60m -run TestCrash ./messaging
package crash
