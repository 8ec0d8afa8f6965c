package e2e

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

var update = flag.Bool("update", false, "write the documentation's transcript anew")

// The page tells an operator how a stuck order is found, understood and repaired. Each of its commands is run here, and shows what the
// page says: its blocks are a transcript.
func TestOrderctlTranscriptOfAStuckOrder(t *testing.T) {
	fault(t, http.MethodPost, `{"operation":"refund","fault":"refuse","code":"account_closed"}`)
	t.Cleanup(func() { fault(t, http.MethodDelete, "") })
	order := damaged(t, "carol")
	testkit.Eventually(t, func() bool {
		r, _ := whyOf(t, order)
		return strings.HasPrefix(r.Answer, "It is stuck: ") && strings.Contains(r.Answer, "Mend the cause") && len(r.Findings) == 0
	}, "the stuck order, whose other compensations are through")
	play(t, "stuck-order.md", 4, t.TempDir(), func(line string) string { return anyUUID.ReplaceAllString(line, order.String()) },
		func(args []string) {
			if args[1] == "retry" {
				fault(t, http.MethodDelete, "")
			}
		}, func(args []string) {
			if args[1] == "retry" {
				require.Equal(t, "rejected", settled(t, order).State)
			}
		})
}

// failed begins what a command says last where it ends with exit code 1.
const failed = "\norderctl: "

// play runs the commands of a page's transcript in a folder, each between before and after, and compares what they show with the page.
// place puts what exists now into a command line of the page.
func play(t *testing.T, name string, commands int, folder string, place func(string) string, before, after func(args []string)) {
	t.Helper()
	path := filepath.Join(system.Config.Root, "services", "ops", "docs", name)
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	var wants, got []string
	fresh := block.ReplaceAllStringFunc(string(page), func(old string) string {
		line := place(block.FindStringSubmatch(old)[1])
		args := words(line)
		before(args)
		s := orderctlIn(t, folder, nil, args...)
		require.Equal(t, strings.Contains(old, failed), s.code == 1, "%v: %s%s", args, s.out, s.errs)
		require.Equal(t, s.code == 1, s.code != 0, "%v: %s%s", args, s.out, s.errs)
		after(args)
		now := "```console\n$ scripts/orderctl " + line + "\n" + s.out + s.errs + "```\n"
		wants, got = append(wants, normal(old)), append(got, normal(now))
		return now
	})
	require.Len(t, wants, commands)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(fresh), 0o644))
		return
	}
	require.Equal(t, wants, got, "write it anew: go test ./e2e -run %s -update", t.Name())
}

var (
	block   = regexp.MustCompile("(?s)```console\n\\$ scripts/orderctl ([^\n]*)\n.*?```\n")
	anyUUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	// What differs from run to run, and how it is spelled here.
	differs = []struct {
		pattern *regexp.Regexp
		spelled string
	}{
		{anyUUID, uuid.Nil.String()},
		{regexp.MustCompile(`[0-9a-f]{32}`), "TRACE"},
		{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "MOMENT"},
		{regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`), "TIME"},
		{regexp.MustCompile(`/\d+@\d+`), "/P@N"},
		{regexp.MustCompile(`(processmanager +|orderview +|letter +)\d+`), "${1}L"},
		{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
		{regexp.MustCompile(` {2,}`), "  "},
	}
)

func normal(s string) string {
	for _, d := range differs {
		s = d.pattern.ReplaceAllString(s, d.spelled)
	}
	return s
}

// words splits a command line as a shell would, as far as the page needs it: by spaces outside single quotes.
func words(line string) (out []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
