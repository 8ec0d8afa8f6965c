package exit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	require.Equal(t, 0, code(nil, false, away))
	require.Equal(t, 1, code(errors.New("it does not hold"), false, away))
	require.Equal(t, 2, code(fmt.Errorf("%w: --rate", ErrUsage), false, away))
	require.Equal(t, 3, code(fmt.Errorf("broker: %w", away), false, away))
	require.Equal(t, 1, code(away, false, nil))
	require.Equal(t, 130, code(errors.New("cut off"), true, away))
}
