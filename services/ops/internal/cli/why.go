package cli

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/why"
)

var (
	errDoesNotAddUp = errors.New("it does not add up")
	errUnknown      = errors.New("nobody knows this order: is the id right, and are these the addresses of the system that took it?")
)

func (a *app) why() *cobra.Command {
	return &cobra.Command{
		Use: "why ORDER", Short: "Why is this order where it is, and does it all add up?", Args: cobra.ExactArgs(1),
		Long: `Why is this order where it is, and does it all add up?

It shows one timeline of what every program and every topic knows of the order: the request, messages with their place in
Kafka, the saga's transitions, what waits in an outbox, dead letters, what the payment provider did, and timers; judges
whether they agree; and says in one sentence what the order waits for.

Exit codes: 0 it adds up (also where the order is stuck), 1 it does not, or nobody knows the order, 3 somebody did not answer.`,
		Example:           "  orderctl why 0199b1de-7c1e-7aaa-8bbb-0123456789ab\n  orderctl why 0199b1de-7c1e-7aaa-8bbb-0123456789ab -o json | jq -r .answer",
		ValidArgsFunction: a.anyOrder,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseOrder(args[0])
			if err != nil {
				return err
			}
			r, err := a.sources().Ask(cmd.Context(), id)
			if err != nil {
				return err
			}
			if err := showReport(a.screen(cmd), &r); err != nil {
				return err
			}
			switch {
			case !r.Known && r.Complete:
				return errUnknown
			case !r.AddsUp:
				return errDoesNotAddUp
			case !r.Complete:
				return program.NotReachable(errors.New("not everybody answered: " + r.Away[0]))
			}
			return nil
		},
	}
}

func (a *app) sources() why.Sources {
	c := a.services()
	out := why.Sources{Order: c[0], Payment: c[1], Warehouse: c[2], Managers: c[3], Broker: a.broker()}
	if ledger, ok := a.ledger(); ok {
		out.Ledger = &ledger
	}
	return out
}

func showReport(s *screen.Screen, r *why.Report) error {
	if s.JSON {
		return s.Encode(r, true)
	}
	if len(r.Timeline) == 0 {
		return showVerdict(s, r)
	}
	if err := s.Pairs([][2]string{
		{"order", r.OrderID.String()}, {"state", screen.State(r.State)}, {"trace", r.TraceID}, {"read at", screen.Time(r.ReadAt)},
	}...); err != nil {
		return err
	}
	if err := s.Line(""); err != nil {
		return err
	}
	rows := make([][]string, 0, len(r.Timeline))
	for _, m := range r.Timeline {
		name := m.Name
		switch m.What {
		case "message":
			topic, _, _ := strings.Cut(m.Where, "/")
			name = screen.Kind(name, topic)
		case "dead letter":
			name = screen.Bad(name)
		case "transition":
			name = screen.Bold(name)
		}
		at := screen.Clock(m.At)
		if m.At.After(r.ReadAt) {
			at = "→ " + at
		}
		rows = append(rows, []string{screen.Dim(at), m.What, m.Where, name, short(m.Detail)})
	}
	if err := s.Table([]string{"AT", "WHAT", "WHERE", "NAME", "DETAIL"}, rows); err != nil {
		return err
	}
	return showVerdict(s, r)
}

func showVerdict(s *screen.Screen, r *why.Report) error {
	lines := []string{""}
	for _, f := range r.Findings {
		lines = append(lines, screen.Bad("✗ "+f))
	}
	for _, f := range r.Away {
		lines = append(lines, screen.Warn("? "+f))
	}
	for _, f := range r.Notes {
		lines = append(lines, screen.Dim("· "+f))
	}
	switch {
	case !r.Known:
	case !r.AddsUp:
		lines = append(lines, screen.Bad("It does not add up."))
	case !r.Complete:
		lines = append(lines, screen.Warn("What could be read adds up, but not everybody answered."))
	default:
		lines = append(lines, screen.Good("It all adds up."))
	}
	for _, line := range append(lines, screen.Bold(r.Answer)) {
		if err := s.Line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

const longest = 100 // characters of a detail

// short cuts a detail to what fits beside the rest. JSON has all of it.
func short(s string) string {
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest-1]) + "…"
}
