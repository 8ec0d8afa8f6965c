package httpserver

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTokenCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := newTokenCache(10)
	c.put("kept", Claims{Subject: "kept"}, now.Add(time.Hour))
	for i := range 1000 {
		c.put(strconv.Itoa(i), Claims{}, now.Add(time.Hour))
		require.LessOrEqual(t, len(c.young)+len(c.old), 10)
		_, ok := c.get("kept", now)
		require.True(t, ok)
	}
	_, ok := c.get("0", now)
	require.False(t, ok)
	_, ok = c.get("kept", now.Add(time.Hour))
	require.False(t, ok, "it has ended")
}
