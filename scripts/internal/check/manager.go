package check

import (
	"fmt"
	"slices"
	"strings"
)

// has tells whether the version of the definition that the order is under has a step; of an order without an instance, whether
// it was ever asked for.
func (l *life) has(s int) bool {
	if i := l.rows.Instance; i != nil {
		return steps[s].since <= max(1, i.Version)
	}
	return steps[s].since == 1 || l.first[steps[s].do] != nil
}

// outcomes are what the saga instance says of each step, "" of one that never began.
func (l *life) outcomes() *[stepCount]string {
	if l.steps != nil {
		return l.steps
	}
	l.steps = &[stepCount]string{}
	if l.rows.Instance == nil || l.rows.Instance.Steps == "" {
		return l.steps
	}
	for line := range strings.SplitSeq(l.rows.Instance.Steps, "\n") {
		name, rest, _ := strings.Cut(line, "\t")
		outcome, _, _ := strings.Cut(rest, "\t")
		for s := range steps {
			if steps[s].name == name {
				l.steps[s] = outcome
			}
		}
	}
	return l.steps
}

// checkInstance holds the saga instance against what all messages together come to, in whatever order they came (I7).
func (l *life) checkInstance() {
	i := l.rows.Instance
	if i == nil {
		if p := l.first[orderPlaced]; p != nil && !l.troubled("processmanager") {
			l.violates(Effect, "%s, but there is no saga instance", p)
		}
		return
	}
	switch said := l.highest(fromManager); {
	case i.Sequence > said:
		l.violates(Promise, "the process manager has sent %d commands, but the log ends with its sequence %d", i.Sequence, said)
	case i.Sequence < said:
		l.violates(Effect, "the process manager has sent %d commands, but the log has its sequence %d", i.Sequence, said)
	}
	if want := partitionOf(l.name); i.Partition != want {
		l.violates(Effect, "its instance is of partition %d, not %d", i.Partition, want)
	}
	if p := l.first[orderPlaced]; p != nil && i.Customer != p.words().Customer {
		l.violates(Effect, "its instance is of customer %s, but %s says %s", i.Customer, p, p.words().Customer)
	}
	if l.troubled("processmanager") {
		return // it has not heard everything yet
	}
	if want := l.state(); i.State != want || i.Finished != (l.end() != nil) {
		l.violates(I7, "its instance is %s, but all messages together come to %s", i.State, want)
	}
	for s := range stepComplete + 1 {
		if is, want := l.outcomes()[s], l.outcome(s); !strings.Contains(want, " "+is+" ") {
			l.violates(I7, "%s is %q in its instance, but all messages together come to%s", steps[s].name, is, want)
		}
	}
	if reject := l.first[rejectOrder]; reject != nil && (i.Failed != reject.words().Step || i.Reason != reject.words().Reason) {
		l.violates(I7, "its instance failed at %q for %q, but %s says %q, %q", i.Failed, i.Reason, reject, reject.words().Step, reject.words().Reason)
	}
	if reject := l.first[rejectOrder]; i.Cancelling && reject != nil {
		l.violates(Cause, "%s, but its instance was cancelling", reject)
	}
	if i.Finished && i.Stuck != "" {
		l.violates(Cause, "its instance is over but stuck: %s", i.Stuck)
	}
}

// state is what the instance must be in.
func (l *life) state() string {
	if end := l.end(); end != nil {
		return ends[end.kind]
	}
	if l.first[rejectOrder] != nil || l.first[cancelOrder] != nil {
		return "ending"
	}
	for s := range steps {
		if steps[s].undo != noKind && l.first[steps[s].undo] != nil {
			return "unwinding"
		}
	}
	return "running"
}

// outcome is which outcomes a step may have.
func (l *life) outcome(s int) string {
	t := &steps[s]
	switch {
	case l.first[t.do] == nil:
		return "  "
	case t.undo != noKind && l.first[t.undo] != nil && l.first[t.undone] != nil:
		if l.first[t.failed] != nil && t.failed != noKind {
			return " undone waived "
		}
		return " undone "
	case t.undo != noKind && l.first[t.undo] != nil && t.failed != noKind && l.first[t.failed] != nil:
		return " owed undoing waived "
	case t.undo != noKind && l.first[t.undo] != nil:
		return " undoing "
	case l.first[t.done] != nil:
		return " succeeded "
	case t.refused != noKind && l.first[t.refused] != nil:
		return " refused "
	}
	return " open "
}

// wishes are the inputs of a saga that are no messages.
var wishes = map[string]bool{"saga.Due": false, "saga.Redriven": false, "saga.Retry": true, "saga.Waive": true, "saga.Unwind": true}

// checkHistory: the process manager handled every event, each once, and nothing else, and what it sent is what the log has.
func (l *life) checkHistory() {
	known := make(map[ID]*HistoryRow, len(l.rows.History))
	waives := 0
	for i := range l.rows.History {
		h := &l.rows.History[i]
		known[h.Input] = h
		if h.Type == "saga.Waive" && h.Effect == "applied" {
			waives++
		}
		if h.Topic == "" {
			if byOperator, ok := wishes[h.Type]; !ok || byOperator != (h.Operator != "") {
				l.violates(Effect, "its history has %s by %q, which is no input of a saga", h.Type, h.Operator)
			}
			continue
		}
		m := l.event(h.Input)
		if m == nil {
			l.violates(Effect, "its history has %s (%s@%d, ce_id %s), which is not in the log", h.Type, h.Topic, h.Offset, h.Input)
		} else if h.Type != m.wireType() || h.Topic != topicNames[m.place.topic] || h.Offset < m.place.offset || h.Offset > m.last {
			l.violates(Effect, "its history has %s at %s@%d, but that is %s", h.Type, h.Topic, h.Offset, m)
		}
	}
	for s := range steps {
		if l.waived(s) {
			waives--
		}
	}
	if waives < 0 {
		l.violates(Effect, "a compensation is waived, but no operator did so")
	}
	if !l.troubled("processmanager") {
		for _, s := range []source{fromOrder, fromPayment, fromWarehouse} {
			for _, m := range l.said[s] {
				if known[m.id] == nil {
					l.violates(Effect, "the process manager never heard %s", m)
				}
			}
		}
	}
	l.checkSent()
}

// checkSent compares what the history says was sent with the log.
func (l *life) checkSent() {
	slices.SortStableFunc(l.rows.History, func(a, b HistoryRow) int { return a.Transition - b.Transition })
	var sent []string
	for _, h := range l.rows.History {
		sent = append(sent, h.Commands...)
	}
	for n := range max(len(sent), len(l.said[fromManager])) {
		decided, said := "nothing", "nothing"
		if n < len(sent) {
			decided = sent[n]
		}
		if n < len(l.said[fromManager]) {
			m := l.said[fromManager][n]
			said = fmt.Sprintf("%s#%d", m.kind, m.attempt)
			if said != decided {
				said = m.String()
			}
		}
		if decided != said {
			l.violates(Effect, "by its history, command number %d was %s, but the log has %s", n+1, decided, said)
			return
		}
	}
}
