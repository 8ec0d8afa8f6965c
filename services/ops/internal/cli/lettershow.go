package cli

import (
	"fmt"
	"strconv"

	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

func optional(s *string) string { return screen.Optional(s) }

// describe is a letter in a few words.
func describe(l *adminapi.Letter) string {
	out := fmt.Sprintf("letter %d of %s (%s: %s", l.ID, l.Group, optional(l.Type), l.Reason)
	if l.Behind != nil && *l.Behind > 0 {
		out += fmt.Sprintf("; %d wait behind it", *l.Behind)
	}
	if l.Ahead != nil && *l.Ahead > 0 {
		out += fmt.Sprintf("; %d come before it", *l.Ahead)
	}
	return out + ")"
}

func showLetters(s *screen.Screen, f *found[adminapi.Letter]) error {
	if s.JSON {
		return s.Encode(f, true)
	}
	if len(f.Items) == 0 {
		return s.Line("no dead letter%s", f.gap())
	}
	rows := make([][]string, 0, len(f.Items))
	for i := range f.Items {
		l := &f.Items[i]
		reason := screen.Bad(l.Reason)
		if l.Reason == "behind" {
			reason = screen.Dim(l.Reason)
		}
		rows = append(rows, []string{
			l.Group, strconv.FormatInt(l.ID, 10), reason, optional(l.Type), optional(l.Subject), tap.Place(l.Topic, l.Partition, l.Offset),
			screen.Time(l.DeadAt), strconv.Itoa(l.Tries), short(optional(l.Error)),
		})
	}
	if err := s.Table([]string{"PROGRAM", "LETTER", "REASON", "TYPE", "ORDER", "FROM", "SINCE", "TRIES", "ERROR"}, rows); err != nil {
		return err
	}
	return more(s, f.NextCursor)
}

func showLetter(s *screen.Screen, l *adminapi.Letter) error {
	if s.JSON {
		return s.Encode(l, true)
	}
	count := func(n *int) string {
		if n == nil || *n == 0 {
			return ""
		}
		return strconv.Itoa(*n)
	}
	tried, edited := "", ""
	if l.TriedAt != nil {
		tried = screen.Time(*l.TriedAt)
	}
	if l.EditedAt != nil {
		edited = screen.Time(*l.EditedAt)
	}
	if err := s.Pairs([][2]string{
		{"letter", fmt.Sprintf("%d of %s", l.ID, l.Group)}, {"reason", screen.Bad(l.Reason)}, {"error", optional(l.Error)},
		{"class", optional(l.Class)}, {"type", optional(l.Type)}, {"order", optional(l.Subject)}, {"message", optional(l.MessageID)},
		{"from", tap.Place(l.Topic, l.Partition, l.Offset)}, {"written", screen.Time(l.WrittenAt)}, {"set aside", screen.Time(l.DeadAt)},
		{"tries", strconv.Itoa(l.Tries)}, {"tried again", tried}, {"edited", edited}, {"trace", optional(l.TraceID)},
		{"ahead", count(l.Ahead)}, {"behind", count(l.Behind)},
	}...); err != nil {
		return err
	}
	if l.Record != nil {
		pairs := make([][2]string, 0, len(l.Record.Headers))
		for _, h := range l.Record.Headers {
			pairs = append(pairs, [2]string{h.Name, raw(h.Value.Raw())})
		}
		if err := s.Line(""); err != nil {
			return err
		}
		if err := s.Pairs(pairs...); err != nil {
			return err
		}
		if err := s.Line("\n%s", raw(l.Record.Value.Raw())); err != nil {
			return err
		}
	}
	if stack := optional(l.Stack); stack != "" {
		return s.Line("\n%s", stack)
	}
	return nil
}

func showAudit(s *screen.Screen, f *found[adminapi.LetterEntry]) error {
	if s.JSON {
		return s.Encode(f, true)
	}
	if len(f.Items) == 0 {
		return s.Line("no entry%s", f.gap())
	}
	rows := make([][]string, 0, len(f.Items))
	for _, e := range f.Items {
		what := e.Action
		if e.Action == "redrive" {
			what = fmt.Sprintf("redrive, %d handled", e.Handled)
			if !e.Ended {
				what += ", cut off"
			}
		}
		rows = append(rows, []string{
			screen.Time(e.At), e.Group, strconv.FormatInt(e.LetterID, 10), what, optional(e.Type), optional(e.Subject), e.Operator, strconv.Quote(e.Reason),
		})
	}
	if err := s.Table([]string{"AT", "PROGRAM", "LETTER", "WHAT", "TYPE", "ORDER", "OPERATOR", "REASON"}, rows); err != nil {
		return err
	}
	return more(s, f.NextCursor)
}
