package upgrade

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/stack"
)

func TestParsePin(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("0a", 20), strings.Repeat("b1", 20)
	for content, want := range map[string]string{
		"# why\n\n  " + one + " \n": one,
		one:                         one,
		"":                          "",
		"# " + one:                  "",
		one + "\n" + two:            "",
		one[:12]:                    "",
		"main":                      "",
		strings.ToUpper(one):        "",
	} {
		got, err := parsePin(content)
		require.Equal(t, want, got, content)
		require.Equal(t, want == "", err != nil, content)
	}
}

func TestThePinOfThisCheckout(t *testing.T) {
	t.Parallel()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	_, err = ReadPin(root)
	require.NoError(t, err)
	_, err = ReadPin(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

// history makes a repository of two commits and returns it and their hashes.
func history(t *testing.T) (repository, first, second string) {
	t.Helper()
	repository = t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		out, err := git(t.Context(), repository, append([]string{"-c", "user.name=t", "-c", "user.email=t@localhost"}, args...)...)
		require.NoError(t, err)
		return out
	}
	run("init", "--quiet")
	for _, content := range []string{"one", "two"} {
		require.NoError(t, os.WriteFile(filepath.Join(repository, "file"), []byte(content), 0o600))
		run("add", "file")
		run("commit", "--quiet", "--message", content)
	}
	return repository, run("rev-parse", "HEAD~1"), run("rev-parse", "HEAD")
}

func TestResolveAndUnpack(t *testing.T) {
	t.Parallel()
	repository, first, second := history(t)
	for name, want := range map[string]string{first: first, first[:10]: first, "HEAD": second} {
		got, err := Resolve(t.Context(), repository, name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	dir := t.TempDir()
	require.NoError(t, unpack(t.Context(), repository, first, dir))
	content, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	require.Equal(t, "one", string(content))
}

func TestResolveFetchesWhatAShallowCloneLacks(t *testing.T) {
	t.Parallel()
	repository, first, _ := history(t)
	clone := filepath.Join(t.TempDir(), "clone")
	require.NoError(t, exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--depth=1", "file://"+repository, clone).Run())
	_, err := git(t.Context(), clone, "cat-file", "-e", first)
	require.Error(t, err, "it is shallow")
	got, err := Resolve(t.Context(), clone, first)
	require.NoError(t, err)
	require.Equal(t, first, got)
}

func TestResolveSaysWhatToDo(t *testing.T) {
	t.Parallel()
	repository, _, _ := history(t)
	_, err := Resolve(t.Context(), repository, strings.Repeat("0a", 20))
	require.ErrorContains(t, err, "name one that is, in scripts/upgrade.pin or with --from")

	clone := filepath.Join(t.TempDir(), "clone")
	require.NoError(t, exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--depth=1", "file://"+repository, clone).Run())
	_, err = git(t.Context(), clone, "remote", "set-url", "origin", "file:///nowhere")
	require.NoError(t, err)
	_, err = Resolve(t.Context(), clone, strings.Repeat("0a", 20))
	require.ErrorContains(t, err, "run `git fetch --unshallow`")

	_, err = Resolve(t.Context(), t.TempDir(), "HEAD")
	require.ErrorContains(t, err, "must be a clone")
}

func TestNextMigration(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"m/0001_a.sql": {}, "m/0012_b.sql": {}, "m/0003_c.sql": {}, "m/m.go": {}, "n/x.sql": {}, "o/o.go": {}}
	next, err := nextMigration(files, "m")
	require.NoError(t, err)
	require.Equal(t, 13, next)
	for _, folder := range []string{"n", "o"} {
		_, err = nextMigration(files, folder)
		require.Error(t, err, folder)
	}
}

// Every schema of the programs that an order needs gets one more.
func TestEverySchemaIsExpanded(t *testing.T) {
	t.Parallel()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	var folders []string
	for _, folder := range schemas() {
		folders = append(folders, filepath.Join(root, folder))
	}
	var there []string
	for _, pattern := range []string{"*/migrations", "*/*/migrations"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		there = append(there, found...)
	}
	needed := stack.Services()
	there = slices.DeleteFunc(there, func(folder string) bool {
		return slices.ContainsFunc(stack.Everything(), func(s stack.Service) bool {
			return folder == filepath.Join(root, s.Module, "migrations") &&
				!slices.ContainsFunc(needed, func(n stack.Service) bool { return n.Module == s.Module })
		})
	})
	require.ElementsMatch(t, there, folders)
}
