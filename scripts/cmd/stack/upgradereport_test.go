package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/load"
)

func TestClientsOfAnUpgradeMayBeRefusedForAMoment(t *testing.T) {
	t.Parallel()
	fine := load.Log{Accepted: 9, Ended: 9, Repeats: 5, Causes: map[string]int{"connection refused": 3, "answered 503": 2}}
	require.Empty(t, asClientsSee(fine))
	for name, spoil := range map[string]func(*load.Log){
		"internal error": func(l *load.Log) { l.Causes = map[string]int{"answered 500": 1} },
		"never got":      func(l *load.Log) { l.Failures = []error{errors.New("no answer")} },
		"did not end":    func(l *load.Log) { l.Ended-- },
		"given up":       func(l *load.Log) { l.GivenUp = map[string]int{"completes: reserve stock": 1} },
		"ended wrongly":  func(l *load.Log) { l.Wrong = []string{"an order ended wrongly"} },
	} {
		l := fine
		spoil(&l)
		require.Len(t, asClientsSee(l), 1, name)
		require.Contains(t, asClientsSee(l)[0], name)
	}
}
