package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi"
)

// port is a program's admin port that answers every request alike.
func port(t *testing.T, answer any) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(answer) }))
	t.Cleanup(server.Close)
	return server.URL
}

// A program that does not run leaves a gap that is told, and hides nobody else's letters.
func TestLettersAreListedWhileAProgramIsAway(t *testing.T) {
	t.Parallel()
	environment := []string{"ORDERCTL_LOYALTY_ADMIN=127.0.0.1:1"}
	for _, name := range []string{"order", "payment", "warehouse", "processmanager", "orderview"} {
		letter := adminapi.Letter{ID: 7, Group: name, Reason: "poison"}
		environment = append(environment, "ORDERCTL_"+strings.ToUpper(name)+"_ADMIN="+port(t, adminapi.LetterPage{Items: []adminapi.Letter{letter}}))
	}
	list := func(args ...string) (out, errs string, code int) {
		var shown, said bytes.Buffer
		code = program.Execute(t.Context(), Command(environment, nil, &shown, &said), append([]string{"deadletters", "list"}, args...))
		return shown.String(), said.String(), code
	}
	out, errs, code := list()
	require.Equal(t, program.ExitNotReachable, code)
	require.Contains(t, errs, "not everybody answered: loyalty does not answer at 127.0.0.1:1")
	require.Contains(t, out, "orderview")
	require.Equal(t, 6, strings.Count(out, "\n"), "a row for each that answered")

	out, _, code = list("-o", "json")
	require.Equal(t, program.ExitNotReachable, code)
	var page found[adminapi.Letter]
	require.NoError(t, json.Unmarshal([]byte(out), &page))
	require.Len(t, page.Items, 5)
	require.Len(t, page.Away, 1)

	out, _, code = list("--program", "orderview")
	require.Equal(t, program.ExitOK, code)
	require.Equal(t, 2, strings.Count(out, "\n"))
	_, errs, code = list("--program", "archive")
	require.Equal(t, program.ExitUsage, code)
	require.Contains(t, errs, "give order, payment, warehouse, processmanager, orderview or loyalty")
}
