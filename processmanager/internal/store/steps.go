package store

import (
	"fmt"
	"strconv"
	"strings"

	"ordersaga.internal/processmanager/saga"
)

// Steps are stored as text, a line each: name, outcome, attempts of the compensation, sequence of the last answer and the
// quoted failure, with tabs between. They are written and read at every transition, and this costs a tenth of JSON.

func formatSteps(steps []saga.Progress) string {
	b := make([]byte, 0, 40*len(steps))
	for i := range steps {
		p := &steps[i]
		if i > 0 {
			b = append(b, '\n')
		}
		b = append(append(b, p.Step...), '\t')
		b = append(append(b, p.Outcome...), '\t')
		b = append(strconv.AppendInt(b, int64(p.UndoAttempt), 10), '\t')
		b = append(strconv.AppendInt(b, p.Answered, 10), '\t')
		if p.Failure != "" {
			b = strconv.AppendQuote(b, p.Failure)
		}
	}
	return string(b)
}

func parseSteps(text string) ([]saga.Progress, error) {
	if text == "" {
		return nil, nil
	}
	steps := make([]saga.Progress, 0, strings.Count(text, "\n")+1)
	for line := range strings.SplitSeq(text, "\n") {
		p, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("step %q: %w", line, err)
		}
		steps = append(steps, p)
	}
	return steps, nil
}

func parseStep(line string) (p saga.Progress, err error) {
	name, rest, _ := strings.Cut(line, "\t")
	outcome, rest, _ := strings.Cut(rest, "\t")
	attempt, rest, _ := strings.Cut(rest, "\t")
	answered, failure, _ := strings.Cut(rest, "\t")
	p.Step, p.Outcome = name, saga.Outcome(outcome)
	if p.UndoAttempt, err = strconv.Atoi(attempt); err != nil {
		return p, fmt.Errorf("attempt: %w", err)
	}
	if p.Answered, err = strconv.ParseInt(answered, 10, 64); err != nil {
		return p, fmt.Errorf("last answer: %w", err)
	}
	if failure != "" {
		if p.Failure, err = strconv.Unquote(failure); err != nil {
			return p, fmt.Errorf("failure: %w", err)
		}
	}
	return p, nil
}
