package repeats

import "fmt"

// wanted is what must come twice, in one batch and in a later one, in a run of the whole end-to-end suite.
var wanted = []struct{ kind, program, input string }{
	{"command", "order", ""},
	{"command", "payment", ""},
	{"command", "warehouse", ""},
	{"event", "processmanager", ""},
	{"deadline", "processmanager", ""},
	{"submitted", "order", "*ordering.Placement"},
	{"submitted", "order", "*messages.CancellationRequest"},
	{"submitted", "payment", "payments.Answered"},
	{"submitted", "payment", "payments.Unanswered"},
	{"submitted", "processmanager", "*runner.Wish"},
	{"submitted", "warehouse", "*participant.Change"},
}

// Judge says what is wrong with a run: what never came twice, and repeats that did something. A request may be refused when
// it comes again, for its order has gone on; nothing may be sent for one.
func (c Counts) Judge() (wrong []string) {
	for _, w := range wanted {
		for _, when := range []string{"same_batch", "later_batch"} {
			if c.of(w.kind, w.program, w.input, when) == 0 {
				wrong = append(wrong, fmt.Sprintf("%s: no %s %s came twice (%s)", w.program, w.kind, w.input, when))
			}
		}
	}
	for _, f := range []string{"load", "save", "delay"} {
		if c.of("fault", "", f, "injected") == 0 {
			wrong = append(wrong, "no "+f+" was disturbed")
		}
	}
	for _, k := range c {
		if k.What == "sent" || k.What == "refused" && k.Kind != "submitted" {
			wrong = append(wrong, fmt.Sprintf("%s: %d times a repeated %s %s was %s", k.Program, k.N, k.Kind, k.Input, k.What))
		}
	}
	return wrong
}
