package check

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The checker has words of its own, because it trusts nobody; but it has a word for every message that was ever published,
// and each is of a step, but for what a customer does.
func TestEveryMessageHasAWord(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../../contracts/samples/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, samples)
	for _, sample := range samples {
		name := strings.TrimSuffix(filepath.Base(sample), ".json")
		require.NotEqual(t, noKind, kindsByName[name], "%s is in no vocabulary: see words.go", name)
	}
	for k := noKind + 1; k < kindCount; k++ {
		if !slices.Contains([]kind{orderPlaced, cancellationRequested, cancellationDeclined}, k) {
			require.NotEqual(t, noRole, meaning[k].role, "no step says or hears %s: see steps", k)
		}
	}
}
