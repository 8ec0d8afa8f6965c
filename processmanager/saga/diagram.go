package saga

import (
	"fmt"
	"strings"
)

// Diagram draws a definition as a Mermaid flowchart. Commands are named by calling the definition's functions with the
// zero value of D.
func Diagram[D any](def *Definition[D]) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	b.WriteString("flowchart LR\n")
	line("start([%s]) --> s1", ShortName(def.Start.event))
	rows := describeRows(def)
	for k, r := range rows {
		line("s%d[\"<b>%s</b> (%s)<br/>%s\"]", k+1, r.name, r.kind, r.do)
		next := fmt.Sprintf("s%d", k+2)
		if k == len(rows)-1 {
			next = "completed([completed])"
		}
		line("s%d -->|%s| %s", k+1, r.done, next)
	}
	for k, r := range rows {
		if r.refused != "" {
			line("s%d -.->|%s| %s", k+1, r.refused, undoBefore(k))
		}
		if r.undo == "" {
			continue
		}
		line("u%d[%s]", k+1, r.undo)
		line("s%d -.->|no answer| u%d", k+1, k+1)
		line("u%d -->|%s| %s", k+1, r.undone, undoBefore(k))
		if r.undoFailed != "" {
			line("u%d -.->|%s| owed{{owed: an operator retries or waives}}", k+1, r.undoFailed)
		}
	}
	for _, end := range describeEnds(def) {
		line("unwound -->|%s| %s[%s]", end.when, end.name, end.do)
		line("%s -->|%s| %s([%s])", end.name, end.done, end.state, end.state)
	}
	return b.String()
}

// undoBefore names the node that unwinding goes on with after step k, counted from 0.
func undoBefore(k int) string {
	if k == 0 {
		return "unwound{unwound}"
	}
	return fmt.Sprintf("u%d", k)
}

// rowNames is a step in words; "" where it has no such message.
type rowNames struct {
	name                     string
	kind                     Kind
	do, done, refused        string
	undo, undone, undoFailed string
}

func describeRows[D any](def *Definition[D]) []rowNames {
	var zero D
	rows := make([]rowNames, 0, len(def.Steps))
	for i := range def.Steps {
		s := &def.Steps[i]
		r := rowNames{
			name: s.Name, kind: s.Kind, do: ShortName(s.Do(zero)), done: ShortName(s.Done), refused: ShortName(s.Refused),
			undone: ShortName(s.Undone), undoFailed: ShortName(s.UndoFailed),
		}
		if s.Undo != nil {
			r.undo = ShortName(s.Undo(zero))
		}
		rows = append(rows, r)
	}
	return rows
}

type endNames struct {
	name, when, do, done string
	state                State
}

func describeEnds[D any](def *Definition[D]) []endNames {
	var zero D
	var ends []endNames
	if def.Rejected.Do != nil {
		ends = append(ends, endNames{
			RejectStep, "a step failed", ShortName(def.Rejected.Do(zero, Failure{})), ShortName(def.Rejected.Done), Rejected,
		})
	}
	if def.Cancelled.Do != nil {
		ends = append(ends, endNames{
			CancelStep, "cancelling", ShortName(def.Cancelled.Do(zero, Failure{})), ShortName(def.Cancelled.Done), Cancelled,
		})
	}
	return ends
}

// ShortName is a message's name without its version; "" for none.
func ShortName(m Message) string {
	if m == nil {
		return ""
	}
	name, _, _ := strings.Cut(m.WireType(), ".")
	return name
}
