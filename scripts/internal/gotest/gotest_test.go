package gotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever goes wrong is counted, named and shown: what is read from the counts must be true.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":             "module m\n\ngo 1.26.0\n",
		"good/a_test.go":     `import "testing"; func TestA(t *testing.T) { t.Log("=>", "figures"); t.Log("chatter"); t.Run("b", func(*testing.T) {}) }`,
		"bad/a_test.go":      `import "testing"; func TestA(t *testing.T) { t.Error("words of a") }; func TestB(*testing.T) {}`,
		"skipping/a_test.go": `import "testing"; func TestA(t *testing.T) { t.Skip() }`,
		"broken/a_test.go":   `import "testing"; func TestA(t *testing.T) { noSuchThing() }`,
		"main/a_test.go":     `import ("os"; "testing"); func TestMain(*testing.M) { println("words of main"); os.Exit(1) }`,
	} {
		path := filepath.Join(dir, name)
		if folder, _, _ := strings.Cut(name, "/"); strings.HasSuffix(name, ".go") {
			content = "package " + strings.Replace(folder, "main", "other", 1) + "\n" + content
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	for name, want := range map[string]struct {
		counts Counts
		words  []string // of the error and the output
	}{
		"good":     {Counts{Passed: 2, Tests: []Result{{"m/good", "TestA/b", true}, {"m/good", "TestA", true}}}, nil},
		"bad":      {Counts{Passed: 1, Failed: 1, Tests: []Result{{"m/bad", "TestA", false}, {"m/bad", "TestB", true}}}, []string{"m/bad.TestA failed", "words of a"}},
		"skipping": {Counts{Skipped: 1}, []string{"m/skipping.TestA was skipped"}},
		"broken":   {Counts{Failed: 1}, []string{"m/broken failed", "noSuchThing"}},
		"main":     {Counts{Failed: 1}, []string{"m/main failed", "words of main"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			got, err := Run(t.Context(), dir, []string{"GOWORK=off"}, &out, "./"+name)
			require.Positive(t, got.Seconds)
			got.Seconds = 0
			require.Equal(t, want.counts, got)
			require.Equal(t, len(want.words) > 0, err != nil)
			if err != nil {
				out.WriteString(err.Error())
			}
			if name == "good" { // what is marked is shown, and nothing else
				require.Equal(t, "m/good.TestA: figures\n", out.String())
			}
			for _, words := range want.words {
				require.Contains(t, out.String(), words)
			}
		})
	}
}
