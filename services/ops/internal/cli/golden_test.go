package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
	"ordersaga.internal/services/ops/internal/why"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded is the evidence of an order on a running system, which the package why keeps.
func recorded(t *testing.T, name string) *why.Evidence {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "why", "testdata", name+".json"))
	require.NoError(t, err)
	var e why.Evidence
	require.NoError(t, json.Unmarshal(raw, &e))
	return &e
}

// renderings are what each kind of page shows.
func renderings(t *testing.T) map[string]func(*screen.Screen) error {
	t.Helper()
	completed, stuck, waiting := recorded(t, "completed"), recorded(t, "stuck"), recorded(t, "waiting")
	report := func(e *why.Evidence) func(*screen.Screen) error {
		r := e.Report()
		return func(s *screen.Screen) error { return showReport(s, &r) }
	}
	contradiction := recorded(t, "completed")
	contradiction.Ledger = contradiction.Ledger[:1]
	contradiction.Away = []string{"warehouse does not answer at 127.0.0.1:9103"}
	olga, why := "olga", "gone for today"
	ended := time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC)
	storm := manager.Storm{StormId: uuid.Nil, Step: "authorize payment", BeganAt: ended, InFlight: 40, Overdue: 38, Answered: 2}
	released := storm
	released.EndedAt, released.Operator, released.Reason = &ended, &olga, &why
	letter, behind, audit := someLetters(ended)
	chains := []verified{
		{"order.events", 0, adminapi.Verification{Records: 120, Compared: 100, Retired: 7, Behind: 2}},
		{"order.events", 1, adminapi.Verification{Records: 9, Compared: 9, Differences: []adminapi.Difference{{Offset: 4, Next: 6, What: "the chain is broken"}}}},
	}
	rewound := adminapi.Rewound{
		ID: 1, Group: "warehouse", At: ended, Operator: "olga", Reason: "the disk lost its last hour", Target: "beginning",
		Moves: []adminapi.Moved{
			{Topic: "warehouse.commands", Partition: 3, From: 120, To: 0}, {Topic: "warehouse.commands", Partition: 4, From: 90, To: 40, LogStart: 40},
		},
	}
	positions := found[adminapi.PositionList]{listed: listed[adminapi.PositionList]{Items: []adminapi.PositionList{{Group: "warehouse", Items: []adminapi.Position{
		{Topic: "warehouse.commands", Partition: 3, Next: 120, LogEnd: 120, Owner: &olga},
		{Topic: "warehouse.commands", Partition: 4, Next: 40, LogStart: 40, LogEnd: 90, Lag: 50},
	}}}}}
	return map[string]func(*screen.Screen) error{
		"why-completed": report(completed), "why-stuck": report(stuck), "why-waiting": report(waiting),
		"why-cancelled": report(recorded(t, "cancelled")), "why-deadletter": report(recorded(t, "deadletter")),
		"why-contradiction": report(contradiction),
		"saga-show":         func(s *screen.Screen) error { return showInstance(s, stuck.Instance) },
		"saga-show-waiting": func(s *screen.Screen) error { return showInstance(s, waiting.Instance) },
		"saga-list": func(s *screen.Screen) error {
			return showInstances(s, []manager.Instance{*waiting.Instance, *stuck.Instance, *completed.Instance}, "AZrxWHx9c0eaJ3aLM_wQAg")
		},
		"saga-storms": func(s *screen.Screen) error { return showStorms(s, []manager.Storm{storm, released}, "") },
		"deadletters-list": func(s *screen.Screen) error {
			return showLetters(s, &found[adminapi.Letter]{listed: listed[adminapi.Letter]{
				[]adminapi.Letter{behind, letter}, "AAAAAAAAAAE --program payment",
			}})
		},
		"deadletters-show": func(s *screen.Screen) error { return showLetter(s, &letter) },
		"deadletters-audit": func(s *screen.Screen) error {
			return showAudit(s, &found[adminapi.LetterEntry]{listed: listed[adminapi.LetterEntry]{Items: audit}})
		},
		"positions-list": func(s *screen.Screen) error { return showPositions(s, &positions) },
		"replay":         func(s *screen.Screen) error { return showRewound(s, &rewound) },
		"positions-rewinds": func(s *screen.Screen) error {
			return showRewinds(s, []adminapi.Rewound{rewound}, "AAAAAAAAAAE")
		},
		"definition-list": func(s *screen.Screen) error {
			return showVersions(s, []manager.Definition{
				{Name: "fulfilment", Version: 2, Steps: []string{"reserve stock", "dispatch"}},
				{Name: "fulfilment", Version: 1, Starts: true, Steps: []string{"reserve stock", "capture payment", "dispatch"}},
			})
		},
		"archive-verify": func(s *screen.Screen) error { return showVerified(s, chains) },
		"tap": func(s *screen.Screen) error {
			for i := range stuck.Messages {
				if err := s.Line("%s", spellRecord(&stuck.Messages[i], i%2 == 0)); err != nil {
					return err
				}
			}
			for _, r := range []tap.Record{
				{Topic: "order.events", Offset: 7, Key: "k", Raw: []byte("{\"gift\":\ttrue}\n"), Problem: "a type that this orderctl does not know", Headers: map[string]string{"ce_type": "OrderWrapped.v1"}},
				{Topic: "order.events", Offset: 8, Raw: []byte{0, 0xff}, Problem: "no ce_type: not one of ours"},
			} {
				if err := s.Line("%s", spellRecord(&r, false)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// someLetters are one that failed and was edited, one that waits behind it, and what operators did.
func someLetters(at time.Time) (letter, behind adminapi.Letter, audit []adminapi.LetterEntry) {
	text := func(s string) *string { return &s }
	one, none := 1, 0
	letter = adminapi.Letter{
		ID: 1, Group: "payment", Subject: text("0199b1de-7c1e-7aaa-8bbb-0123456789ab"), Topic: "payment.commands", Partition: 3, Offset: 17,
		Reason: "poison", Class: text("SQLSTATE 23514"), Error: text("new row violates check constraint"), Type: text("AuthorizePayment.v1"),
		Tries: 2, WrittenAt: at, DeadAt: at, TriedAt: &at, EditedAt: &at, Ahead: &none, Behind: &one, Stack: text("goroutine 1"),
		Record: &adminapi.LetterRecord{
			Value: adminapi.BytesOf([]byte(`{"order_id":"x"}`)),
			Headers: []adminapi.Header{
				{Name: "ce_type", Value: adminapi.BytesOf([]byte("AuthorizePayment.v1"))}, {Name: "odd", Value: adminapi.BytesOf([]byte{0xff})},
			},
		},
	}
	behind = letter
	behind.ID, behind.Reason, behind.Error, behind.Offset, behind.Tries = 2, "behind", nil, 18, 0
	audit = []adminapi.LetterEntry{
		{At: at, Group: "payment", LetterID: 1, Action: "redrive", Handled: 1, Operator: "olga", Reason: "the fixed build runs"},
		{At: at, Group: "payment", LetterID: 1, Action: "edit", Type: letter.Type, Subject: letter.Subject, Operator: "olga", Reason: "no currency", Ended: true},
	}
	return letter, behind, audit
}

func TestPagesLookAsTheyDid(t *testing.T) {
	t.Parallel()
	for name, show := range renderings(t) {
		for _, asJSON := range []bool{false, true} {
			if asJSON && name == "tap" {
				continue // it has no page: a record is a line
			}
			var got bytes.Buffer
			require.NoError(t, show(screen.New(&got, nil, asJSON)))
			path := filepath.Join("testdata", name+".txt")
			if asJSON {
				require.True(t, json.Valid(got.Bytes()), "%s", &got)
				continue
			}
			require.NotContains(t, got.String(), "\x1b", "colours, where there is no terminal")
			if *update {
				require.NoError(t, os.WriteFile(path, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String(), name)
		}
	}
}

// Colours come where they are asked for, and NO_COLOR takes them away.
func TestColoursHeedTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment []string
		coloured    bool
	}{
		{[]string{"CLICOLOR_FORCE=1", "TERM=xterm-256color"}, true},
		{[]string{"CLICOLOR_FORCE=1", "TERM=xterm-256color", "NO_COLOR=1"}, false},
		{[]string{"TERM=xterm-256color"}, false}, // no terminal
	} {
		var got bytes.Buffer
		require.NoError(t, screen.New(&got, c.environment, false).Line("%s", screen.State("completed")))
		require.Equal(t, c.coloured, bytes.Contains(got.Bytes(), []byte("\x1b[32m")), "%v: %q", c.environment, got.String())
	}
}

// Every command has help with an example, and -o json.
func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	root := Command(nil, nil, &bytes.Buffer{}, &bytes.Buffer{})
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		require.NotEmpty(t, cmd.Short, cmd.CommandPath())
		require.NotEmpty(t, cmd.Example, cmd.CommandPath())
		require.NotNil(t, cmd.Flag("output"), cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// A flag beats the environment, which beats the default; secrets are never shown as a default.
func TestSettingsComeFromTheEnvironmentAndFlagsWin(t *testing.T) {
	t.Parallel()
	var s settings
	cmd := &cobra.Command{}
	s.register(cmd, []string{"ORDERCTL_TOKEN=hidden", "ORDERCTL_KAFKA=b:1,c:2", "ORDERCTL_ORDER_ADMIN=o:1"})
	require.NoError(t, cmd.ParseFlags([]string{"--order-admin", "o:2"}))
	require.Equal(t, settings{
		token: "hidden", order: "o:2", payment: "127.0.0.1:9102", warehouse: "127.0.0.1:9103", manager: "127.0.0.1:9104",
		archive: "127.0.0.1:9105", view: "127.0.0.1:9107", loyalty: "127.0.0.1:9108", provider: "127.0.0.1:8085", kafka: "b:1,c:2", output: "text",
	}, s)
	require.NotContains(t, cmd.UsageString(), "hidden")
	require.Equal(t, []string{"b:1", "c:2"}, s.broker().Addrs)
}
