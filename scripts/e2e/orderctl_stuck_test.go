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
	path := filepath.Join(system.Config.Root, "services", "ops", "docs", "stuck-order.md")
	page, err := os.ReadFile(path)
	require.NoError(t, err)

	fault(t, http.MethodPost, `{"operation":"refund","fault":"refuse","code":"account_closed"}`)
	t.Cleanup(func() { fault(t, http.MethodDelete, "") })
	order := damaged(t, "carol")
	testkit.Eventually(t, func() bool {
		r, _ := whyOf(t, order)
		return strings.HasPrefix(r.Answer, "It is stuck: ") && len(r.Findings) == 0
	}, "the stuck order")

	var wants, got []string
	fresh := block.ReplaceAllStringFunc(string(page), func(old string) string {
		line := anyUUID.ReplaceAllString(block.FindStringSubmatch(old)[1], order.String())
		args := words(line)
		if args[1] == "retry" {
			fault(t, http.MethodDelete, "")
		}
		s := orderctl(t, nil, args...)
		require.Equal(t, 0, s.code, "%v: %s%s", args, s.out, s.errs)
		if args[1] == "retry" {
			require.Equal(t, "rejected", settled(t, order).State)
		}
		now := "```console\n$ scripts/orderctl " + line + "\n" + s.out + "```\n"
		wants, got = append(wants, normal(old)), append(got, normal(now))
		return now
	})
	require.Len(t, wants, 4, "found, understood, repaired, checked")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(fresh), 0o644))
		return
	}
	require.Equal(t, wants, got, "write it anew: go test ./e2e -run TestOrderctlTranscript -update")
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
		{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "MOMENT"},
		{regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`), "TIME"},
		{regexp.MustCompile(`/\d+@\d+`), "/P@N"},
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
