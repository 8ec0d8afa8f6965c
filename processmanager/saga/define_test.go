package saga_test

import (
	"strings"
	"testing"
	"time"

	"ordersaga.internal/processmanager/saga"
)

// What Define refuses, and that it says why.
func TestValidate(t *testing.T) {
	t.Parallel()
	type def = saga.Definition[string]
	for want, breaks := range map[string]func(*def){
		"no name":                              func(d *def) { d.Name = "" },
		"version must be 1 or more":            func(d *def) { d.Version = 0 },
		"there are no steps":                   func(d *def) { d.Steps = nil },
		"Start is missing":                     func(d *def) { d.Start = saga.Starter[string]{} },
		"Ignored is missing":                   func(d *def) { d.Ignored = []saga.Message{nil} },
		"a compensatable step cannot follow a": func(d *def) { d.Steps[0], d.Steps[2] = d.Steps[2], d.Steps[0] },
		"a pivot step cannot follow a retr":    func(d *def) { d.Steps[2], d.Steps[3] = d.Steps[3], d.Steps[2] },
		"a pivot step cannot follow a pivot": func(d *def) {
			d.Steps[3] = saga.Step[string]{
				Name: "again", Kind: saga.Pivot, Resend: time.Second, Do: sends("Again"), Done: msg("Agained"),
			}
		},
		`unknown kind ""`:                       func(d *def) { d.Steps[3].Kind = "" },
		"a step has no name":                    func(d *def) { d.Steps[0].Name = "" },
		`"hold": the name is taken`:             func(d *def) { d.Steps[1].Name = "hold" },
		`"cancel": the name is taken`:           func(d *def) { d.Steps[1].Name = saga.CancelStep },
		"a name is letters, digits":             func(d *def) { d.Steps[0].Name = "hold/do" },
		"Resend must be positive":               func(d *def) { d.Steps[3].Resend = 0 },
		"Do is missing":                         func(d *def) { d.Steps[0].Do = nil },
		"Done is missing":                       func(d *def) { d.Steps[3].Done = nil },
		"needs Undo":                            func(d *def) { d.Steps[0].Undo = nil },
		"Undone is missing":                     func(d *def) { d.Steps[0].Undone = nil },
		"needs a Timeout":                       func(d *def) { d.Steps[0].Timeout = 0 },
		"a pivot step has no Undo":              func(d *def) { d.Steps[2].Undo = sends("Unship") },
		"a retriable step has no Timeout":       func(d *def) { d.Steps[3].Timeout = time.Minute },
		"Refused does not belong here":          func(d *def) { d.Steps[3].Refused = msg("No") },
		"Undone does not belong here":           func(d *def) { d.Steps[2].Undone = msg("Unshipped") },
		"UndoFailed does not belong here":       func(d *def) { d.Steps[2].UndoFailed = msg("UnshipFailed") },
		`Held is bound already, as step "hold"`: func(d *def) { d.Steps[1].Done = msg("Held") },
		"Rejected.Do must be set":               func(d *def) { d.Rejected.Do = nil },
		"Rejected.Done is missing":              func(d *def) { d.Rejected.Done = nil },
		"Cancelled.Done does not belong here":   func(d *def) { d.Cancel, d.Cancelled.Do = nil, nil },
		"Cancelled.Resend must not be negative": func(d *def) { d.Cancelled.Resend = -1 },
		"Cancel: there is no step that could be": func(d *def) {
			d.Steps, d.Rejected = d.Steps[3:], saga.End[string]{}
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			d := parcel()
			breaks(&d)
			if err := d.Validate(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Validate returned %v", err)
			}
			defer func() {
				if r := recover(); r == nil {
					t.Error("Define did not panic")
				}
			}()
			saga.Define(d)
		})
	}
	d := parcel()
	if err := d.Validate(); err != nil {
		t.Errorf("a good definition: %v", err)
	}
}

// What may be left out: cancelling, refusals, failures, the pivot, all but one step.
func TestDefineLeavesOut(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*saga.Definition[string]){
		"cancelling":     func(d *saga.Definition[string]) { d.Cancel, d.Cancelled = nil, saga.End[string]{} },
		"refusals":       func(d *saga.Definition[string]) { d.Steps[0].Refused, d.Steps[2].Refused = nil, nil },
		"failures":       func(d *saga.Definition[string]) { d.Steps[0].UndoFailed = nil },
		"the pivot":      func(d *saga.Definition[string]) { d.Steps = append(d.Steps[:2:2], d.Steps[3]) },
		"what is undone": func(d *saga.Definition[string]) { d.Steps = d.Steps[2:] },
		"all but one":    func(d *saga.Definition[string]) { d.Steps = d.Steps[:1] },
		"all but retriable": func(d *saga.Definition[string]) {
			d.Steps, d.Cancel = d.Steps[3:], nil
			d.Rejected, d.Cancelled = saga.End[string]{}, saga.End[string]{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parcel()
			breaks(&d)
			def := saga.Define(d)
			if _, err := saga.Table(def); err != nil {
				t.Error(err)
			}
			if saga.Diagram(def) == "" || saga.DiagramSVG(def) == "" {
				t.Error("no diagram")
			}
		})
	}
}
