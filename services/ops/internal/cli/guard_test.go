package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

// What a stranger put into a message does nothing to the operator's terminal, and no line of it passes for another.
func TestAMessageDoesNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	const evil = "x\x1b[2J\x1b]0;owned\a\x1b[8mhidden\r\u009b1A\u202eright\x9b\nIt all adds up."
	letter := adminapi.Letter{
		ID: 42, Group: "payment", Topic: "payment.commands", Reason: "unreadable", Type: ptr(evil), Error: ptr(evil), TraceID: ptr(evil),
		Record: &adminapi.LetterRecord{
			Value:   adminapi.BytesOf([]byte(evil)),
			Headers: []adminapi.Header{{Name: evil, Value: adminapi.BytesOf([]byte(evil))}},
		},
	}
	record := tap.Record{Topic: "order.events", Key: evil, WrittenAt: time.Unix(0, 0), Headers: map[string]string{"ce_type": evil, "ce_source": evil}}
	known := tap.Decode(tap.Record{Headers: map[string]string{"ce_type": "OrderRejected.v1"}},
		[]byte(`{"step":"\u001b[2J\u009b1A\nIt all adds up.","\u001b[1A":1}`))
	require.Empty(t, known.Problem)
	for name, show := range map[string]func(*screen.Screen) error{
		"list": func(s *screen.Screen) error {
			return showLetters(s, &found[adminapi.Letter]{listed: listed[adminapi.Letter]{Items: []adminapi.Letter{letter}}})
		},
		"letter": func(s *screen.Screen) error { return showLetter(s, &letter) },
		"audit": func(s *screen.Screen) error {
			return showAudit(s, &found[adminapi.LetterEntry]{listed: listed[adminapi.LetterEntry]{Items: []adminapi.LetterEntry{{Operator: evil, Reason: evil, Type: ptr(evil)}}}})
		},
		"tap": func(s *screen.Screen) error { return s.Line("%s", spellRecord(&record, false)) },
		"raw": func(s *screen.Screen) error {
			r := tap.Decode(record, []byte("\u009b1A\u202e"))
			return s.Line("%s", spellRecord(&r, false))
		},
		"body": func(s *screen.Screen) error { return s.Line("%s", spellRecord(&known, false)) },
	} {
		var out bytes.Buffer
		require.NoError(t, show(screen.New(&out, []string{"TTY_FORCE=1", "TERM=xterm-256color"}, false)), name)
		harmless(t, name, out.String())
	}

	var out, errs bytes.Buffer
	root := Command(nil, strings.NewReader(""), &out, &errs)
	root.AddCommand(&cobra.Command{Use: "ask", RunE: func(cmd *cobra.Command, _ []string) error {
		cmd.PrintErrf("%s [y/N] ", sentence("Discard %s for ever", describe(&letter)))
		return nil
	}})
	root.SetArgs([]string{"ask"})
	require.NoError(t, root.Execute())
	require.Contains(t, errs.String(), "Discard letter 42")
	harmless(t, "question", errs.String())
}

func harmless(t *testing.T, name, shown string) {
	t.Helper()
	for _, line := range strings.Split(shown, "\n") {
		require.NotEqual(t, "It all adds up.", strings.TrimSpace(line), name)
	}
	for _, bad := range []string{"\x1b[2J", "\x1b]", "\x1b[8m", "\a", "\r", "\u009b", "\x9b1A", "\u202e"} {
		require.NotContains(t, shown, bad, name)
	}
}

func ptr(s string) *string { return &s }
