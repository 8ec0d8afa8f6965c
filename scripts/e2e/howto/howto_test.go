package howto_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/e2e/howto"
	"ordersaga.internal/scripts/internal/stack"
)

// pages are the pages, from the root of the checkout.
var pages = map[string]string{
	"service": "services/docs/how-to-add-a-service.md",
	"step":    "processmanager/docs/how-to-add-a-step.md",
}

func parts(t *testing.T, page string) (root string, all []howto.Part) {
	t.Helper()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(root, page))
	require.NoError(t, err)
	all, err = howto.Parse(string(content))
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return root, all
}

// Each page's patch applies to the checkout as it is, without the other page.
func TestEachPatchApplies(t *testing.T) {
	t.Parallel()
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, all := parts(t, page)
			dir := t.TempDir()
			require.NoError(t, howto.Copy(t.Context(), root, dir))
			for _, p := range all {
				if p.Diff != "" {
					require.NoError(t, p.Do(t.Context(), dir), "%s:%d", page, p.Line)
				}
			}
		})
	}
}

// demo is what both pages end with.
const demo = "scripts/demo\n"

// Everything that the pages say is done, and comes to what they say. One page after the other, on one copy, and the demo once, with
// what both say of it, so that programs are built once.
func TestPages(t *testing.T) {
	t.Parallel()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, howto.Copy(t.Context(), root, dir))
	do := func(t *testing.T, page string, p howto.Part) {
		t.Helper()
		begin := time.Now()
		require.NoError(t, p.Do(t.Context(), dir), "%s:%d", page, p.Line)
		if p.Shell != "" {
			t.Logf("%5.1f s  %s", time.Since(begin).Seconds(), strings.TrimSpace(p.Shell))
		}
	}
	var last howto.Part
	for _, name := range []string{"service", "step"} {
		done := t.Run(name, func(t *testing.T) {
			_, all := parts(t, pages[name])
			end := all[len(all)-1]
			before, ends := strings.CutSuffix(end.Shell, demo)
			require.True(t, ends, "the page ends with the demo")
			for _, p := range all[:len(all)-1] {
				do(t, pages[name], p)
			}
			last.Shell, last.Says = last.Shell+before, append(last.Says, end.Says...)
		})
		if !done {
			return
		}
	}
	last.Shell += demo
	do(t, "the end of both pages", last)
}

// A page that is wrong anywhere is found out.
func TestAWrongPageFails(t *testing.T) {
	t.Parallel()
	const hunk = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"
	for name, c := range map[string]struct{ page, wrong string }{
		"right":                           {"Words.\n\n```diff\n" + hunk + "```\n\n```sh\ncat a\n```\n\n```text\nthree\n```\n\n```sh fails\ngrep two a\n```\n", ""},
		"a patch of what is not there":    {"```diff\n" + strings.Replace(hunk, "-two", "-2", 1) + "```\n", "patch does not apply"},
		"a patch that comes twice":        {"```diff\n" + hunk + "```\n```diff\n" + hunk + "```\n", "patch does not apply"},
		"a patch with trailing space":     {"```diff\n" + strings.Replace(hunk, "+three", "+three ", 1) + "```\n", "whitespace"},
		"a command that fails":            {"```sh\nfalse\ntrue\n```\n", "exit status 1"},
		"a command that should fail":      {"```sh fails\ntrue\n```\n", "it should fail"},
		"a command that says other words": {"```sh\necho two\n```\n```text\nthree\n```\n", `it does not say "three"`},
		"words that nobody says":          {"```text\nthree\n```\n", "no command says"},
		"a block that cannot be held":     {"```go\nx\n```\n", "give diff"},
		"a block without an end":          {"```sh\ntrue\n", "does not end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("one\ntwo\n"), 0o600))
			all, err := howto.Parse(c.page)
			for _, p := range all {
				if err == nil {
					err = p.Do(t.Context(), dir)
				}
			}
			if c.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.wrong)
			}
		})
	}
}
