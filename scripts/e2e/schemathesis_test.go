package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/stack"
	"ordersaga.internal/scripts/internal/venv"
)

// Schemathesis draws requests from an API's document, good and bad ones, alone and in sequences. It finds no 5xx, no answer
// that the document does not describe, and no request taken that the document forbids.
func TestSchemathesis(t *testing.T) {
	bin, err := venv.Ensure(t.Context(), "schemathesis", "requirements.txt")
	require.NoError(t, err)
	const deadLetters, replay = "infra/messaging/deadletters/openapi.yaml", "infra/messaging/replay/openapi.yaml"
	folder := withOrders(t)
	withLetters(t)
	both := token(t, "olga", "customer", "operator") // who may do everything
	for _, api := range []struct {
		name, document, addr, token string
		flags                       []string
	}{
		{"order", "order", system.APIs("order")[0], both, nil},
		{"warehouse", "warehouse", system.APIs("warehouse")[0], both, nil},
		{"processmanager", "processmanager", system.Admin("processmanager"), both, nil},
		{"order's trails", "trail", system.Admin("order"), both, nil},
		{"processmanager's trails", "trail", system.Admin("processmanager"), both, nil},
		{"dead letters", deadLetters, system.Admin("warehouse"), both, nil},
		{"replay", replay, system.Admin("warehouse"), both, nil},
		{"archive", "archive", system.Admin("archive"), both, nil},
		{"provider", "provider", system.APIs("provider")[0], stack.ProviderKey, []string{"--exclude-operation-id", "setFault", "--exclude-operation-id", "forgetKeys"}},
		// What they switch on would make the others fail on purpose.
		{"provider's switches", "provider", system.APIs("provider")[0], stack.ProviderKey, []string{"--include-operation-id", "setFault", "--include-operation-id", "forgetKeys"}},
	} {
		t.Run(api.name, func(t *testing.T) {
			t.Cleanup(func() { fault(t, http.MethodDelete, "") })
			document := filepath.Join(system.Config.Root, "contracts", "dist", "openapi", api.document+".yaml")
			if api.document == deadLetters || api.document == replay {
				document = filepath.Join(system.Config.Root, api.document)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(bin, "schemathesis"), append([]string{
				"run", document, "--url", "http://" + api.addr, "--max-examples", "50", "--no-color",
			}, api.flags...)...)
			cmd.Dir, cmd.Env = folder, append(os.Environ(), "TOKEN="+api.token)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s\nEither the program answers wrongly or the document of %s is wrong: mend one of them (then scripts/generate), "+
					"and repeat with scripts/test --only schemathesis.", err, out, api.name)
			}
		})
	}
}

// withLetters sends the warehouse what no program can read: of two keys, and of none.
func withLetters(t *testing.T) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(system.Brokers, ",")...))
	require.NoError(t, err)
	defer cl.Close()
	keys := []string{uuid.NewString(), uuid.NewString(), "nobody"}
	for i := range 12 {
		r := &kgo.Record{Topic: contracts.WarehouseCommands, Key: []byte(keys[i%len(keys)]), Value: []byte{'{', byte(0xf0 + i)}}
		require.NoError(t, cl.ProduceSync(t.Context(), r).FirstErr())
	}
	testkit.Eventually(t, func() bool {
		a := send(t, request{method: http.MethodGet, url: "http://" + system.Admin("warehouse") + "/admin/v1/deadletters?limit=200",
			headers: map[string]string{"Authorization": "Bearer " + token(t, "olga", "operator")}})
		return a.status == http.StatusOK && bytes.Count(a.body, []byte(`"letter_id"`)) >= 12
	}, "letters")
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
