package guard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBreakerStates(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	b := &breaker{calls: 4, pause: time.Second}
	call := func(v verdict) (open bool) {
		turn, err := b.enter(at)
		if err != nil {
			return true
		}
		b.leave(turn, v, at)
		return false
	}
	for range 3 {
		require.False(t, call(unanswered)) // too few to say
	}
	at = at.Add((breakerWindow + 1) * time.Second)
	for range 20 { // those before are forgotten; half is not more than half
		require.False(t, call(answered))
		require.False(t, call(unanswered))
	}
	require.Equal(t, closed, b.now())
	call(unanswered)
	require.Equal(t, blocked, b.now())
	require.True(t, call(answered))

	at = at.Add(time.Second)
	late, err := b.enter(at) // a probe that is long on its way
	require.NoError(t, err)
	for range breakerProbes - 1 {
		_, err := b.enter(at)
		require.NoError(t, err)
	}
	require.True(t, call(answered)) // not more at once
	b.leave(late, nothing, at)
	turn, err := b.enter(at) // one that says nothing makes room
	require.NoError(t, err)
	for range breakerProbes/2 + 1 {
		b.leave(turn, unanswered, at)
	}
	require.Equal(t, blocked, b.now())

	at = at.Add(time.Second)
	for range breakerProbes/2 - 1 {
		call(unanswered)
		call(answered)
	}
	require.Equal(t, trying, b.now())
	call(answered)
	require.Equal(t, closed, b.now())
	for range 10 {
		b.leave(late, unanswered, at) // from before: not counted
	}
	require.Equal(t, closed, b.now())
}
