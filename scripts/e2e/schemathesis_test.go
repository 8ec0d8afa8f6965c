package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/stack"
	"ordersaga.internal/scripts/internal/venv"
)

// Schemathesis draws requests from an API's document, good and bad ones, alone and in sequences. It finds no 5xx, no answer
// that the document does not describe, and no request taken that the document forbids.
func TestSchemathesis(t *testing.T) {
	bin, err := venv.Ensure(t.Context(), "schemathesis", "requirements.txt")
	require.NoError(t, err)
	folder := withOrders(t)
	both := token(t, "olga", "customer", "operator") // who may do everything
	for _, api := range []struct {
		name, document, addr, token string
		flags                       []string
	}{
		{"order", "order", system.APIs("order")[0], both, nil},
		{"warehouse", "warehouse", system.APIs("warehouse")[0], both, nil},
		{"processmanager", "processmanager", system.Admin("processmanager"), both, nil},
		{"archive", "archive", system.Admin("archive"), both, nil},
		{"provider", "provider", system.APIs("provider")[0], stack.ProviderKey, []string{"--exclude-operation-id", "setFault", "--exclude-operation-id", "forgetKeys"}},
		// What they switch on would make the others fail on purpose.
		{"provider's switches", "provider", system.APIs("provider")[0], stack.ProviderKey, []string{"--include-operation-id", "setFault", "--include-operation-id", "forgetKeys"}},
	} {
		t.Run(api.name, func(t *testing.T) {
			t.Cleanup(func() { fault(t, http.MethodDelete, "") })
			document := filepath.Join(system.Config.Root, "contracts", "dist", "openapi", api.document+".yaml")
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(bin, "schemathesis"), append([]string{
				"run", document, "--url", "http://" + api.addr, "--max-examples", "50", "--no-color",
			}, api.flags...)...)
			cmd.Dir, cmd.Env = folder, append(os.Environ(), "TOKEN="+api.token)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s\nEither the program answers wrongly or contracts/openapi/%s.yaml is wrong: mend one of them (then scripts/generate), "+
					"and repeat with scripts/test --only schemathesis.", err, out, api.document)
			}
		})
	}
}

// withOrders places orders of every end and returns a folder with the settings, which name a file of the orders' ids.
func withOrders(t *testing.T) (folder string) {
	t.Helper()
	var ids []string
	for _, method := range []string{"pm_ok", "pm_declined", "pm_capture_refused"} {
		order := place(t, "olga", method, nil)
		settled(t, order)
		ids = append(ids, `"`+order.String()+`"`)
	}
	folder = t.TempDir()
	settings, err := os.ReadFile("schemathesis.toml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "schemathesis.toml"), settings, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "orders.txt"), []byte(strings.Join(ids, "\n")+"\n"), 0o600))
	return folder
}
