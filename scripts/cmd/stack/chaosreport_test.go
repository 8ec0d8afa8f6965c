package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/chaos"
)

// A run fails where something does not hold, and where a kind of fault that could happen never did.
func TestChaosVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report chaosReport
		want   string
	}{
		"holds":         {chaosReport{Faults: []chaos.Count{{Kind: chaos.Kill, Started: 2, Fired: 1}}}, ""},
		"not available": {chaosReport{Faults: []chaos.Count{{Kind: chaos.FillBroker, Not: "no disk"}}}, ""},
		"never fired":   {chaosReport{Faults: []chaos.Count{{Kind: chaos.Pause, Started: 3}}}, "void: never happened: [pause]"},
		"violation":     {chaosReport{Violations: []string{"a cent too much"}}, "1 violations"},
		"stuck":         {chaosReport{NotEnded: 1, Excused: map[string]int{"stuck": 1}}, ""}, // and alerts: an operator's
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.report.neverFired()
			err := c.report.verdict()
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			var text, object bytes.Buffer
			require.NoError(t, c.report.print(&text, "text"))
			require.NoError(t, c.report.print(&object, "json"))
			for _, v := range c.report.Violations {
				require.Contains(t, text.String(), v)
			}
			var back chaosReport
			require.NoError(t, json.Unmarshal(object.Bytes(), &back))
			require.Equal(t, c.report.Faults, back.Faults)
		})
	}
}
