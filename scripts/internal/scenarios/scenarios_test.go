package scenarios_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	table "ordersaga.internal/scripts/e2e/scenarios"
	"ordersaga.internal/scripts/internal/scenarios"
	"ordersaga.internal/scripts/internal/stack"
)

// The table has every scenario, and every test that it names is there.
func TestTheTable(t *testing.T) {
	t.Parallel()
	all, err := scenarios.Parse(table.Table)
	require.NoError(t, err)
	root, err := stack.FindRoot()
	require.NoError(t, err)
	tests := map[string]string{} // of a folder
	for _, s := range all {
		for _, by := range s.By {
			if by.Place == scenarios.Gate {
				continue // the gate fails where it has no such step
			}
			if tests[by.Place] == "" {
				tests[by.Place] = read(t, filepath.Join(root, by.Place))
			}
			require.True(t, strings.Contains(tests[by.Place], "\nfunc "+by.Name+"(t *testing.T)"), "scenario %d names %s, which is not there", s.Number, by)
		}
	}
	// And every test that was written for a scenario is in it.
	for _, found := range regexp.MustCompile(`(?m)^// Scenarios? [^\n]*\n(?://[^\n]*\n)*func (Test\w+)`).FindAllStringSubmatch(read(t, filepath.Join(root, "scripts/e2e/scenarios")), -1) {
		require.True(t, strings.Contains(table.Table, "\tprocess\tscripts/e2e/scenarios\t"+found[1]+"\n"), "%s is not in the table", found[1])
	}
}

// read returns the test files of a folder.
func read(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(b)
	}
	return all.String()
}

// good is a table with every number, each shown by the step lint and by a test.
func good() string {
	var b strings.Builder
	for _, n := range scenarios.Required() {
		fmt.Fprintf(&b, "%d\tit holds, %d\n\tcommand\tscripts/test\tlint\n\tmachine\tinfra/messaging\tTest%d\n", n, n, n)
	}
	return b.String()
}

// A table with a gap, without a test or without sense is refused.
func TestParse(t *testing.T) {
	t.Parallel()
	_, err := scenarios.Parse("# a comment\n\n" + good())
	require.NoError(t, err)
	shown := "\tcommand\tscripts/test\tlint\n\tmachine\tinfra/messaging\tTest14\n"
	for want, table := range map[string]string{
		"scenario 14 is missing":       strings.Replace(good(), "14\tit holds, 14\n"+shown, "", 1),
		"nothing shows scenario 14":    strings.Replace(good(), shown, "", 1),
		"scenario 14 comes after 14":   strings.Replace(good(), "13\tit", "14\tit", 1),
		`kind "manual" is none of`:     strings.Replace(good(), "machine", "manual", 1),
		"line 1: number: ":             "x\tit holds\n" + good(),
		"line 1: neither number":       "\tcommand\tscripts/test\tlint\n" + good(),
		"line 2: neither number and w": "1\tit holds\n\tcommand\tscripts/test\n" + good(),
	} {
		_, err := scenarios.Parse(table)
		require.ErrorContains(t, err, want)
	}
}

// Results are those of the run; what did not run is a fault of a whole run only.
func TestReport(t *testing.T) {
	t.Parallel()
	all := []scenarios.Scenario{{Number: 7, Must: "it holds", By: []scenarios.Shown{
		{Kind: "process", Place: "scripts/e2e/scenarios", Name: "TestA"}, {Kind: "command", Place: scenarios.Gate, Name: "chaos"},
	}}}
	for name, c := range map[string]struct {
		a, chaos    []bool // results, one after the other
		whole       bool
		rows, error string
	}{
		"passed":                     {[]bool{true}, []bool{true}, true, "TestA ok chaos ok", ""},
		"failed":                     {[]bool{true}, []bool{false}, false, "TestA ok chaos FAILED", "7: scripts/test chaos FAILED"},
		"failed, then passed":        {[]bool{false, true}, []bool{true}, true, "TestA FAILED chaos ok", "7: scripts/e2e/scenarios TestA FAILED"},
		"passed, then failed":        {[]bool{true, false}, []bool{true}, true, "TestA FAILED chaos ok", "7: scripts/e2e/scenarios TestA FAILED"},
		"not run in a part of a run": {nil, []bool{true}, false, "TestA not run chaos ok", ""},
		"not run in a whole run":     {nil, []bool{true}, true, "TestA not run chaos ok", "7: scripts/e2e/scenarios TestA not run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ran := scenarios.Ran{}
			for _, passed := range c.a {
				ran.Note("scripts/e2e/scenarios", "TestA", passed)
			}
			for _, passed := range c.chaos {
				ran.Note(scenarios.Gate, "chaos", passed)
			}
			var out strings.Builder
			err := scenarios.Report(&out, all, ran, c.whole)
			printed := strings.Join(strings.Fields(out.String()), " ")
			require.Equal(t, "7 it holds process scripts/e2e/scenarios "+strings.Replace(c.rows, " chaos", " command scripts/test chaos", 1), printed)
			if c.error == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.error)
			}
		})
	}
}
