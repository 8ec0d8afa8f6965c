package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// build makes the binary that scripts/orderctl runs.
var build = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(system.Config.Root, ".bin", "orderctl")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/orderctl")
	cmd.Dir = filepath.Join(system.Config.Root, "services", "ops")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// said is what a run of orderctl showed.
type said struct {
	out, errs string
	code      int
}

// orderctl runs the built binary as the operator olga, with more settings of the form NAME=VALUE if wanted.
func orderctl(t *testing.T, settings []string, args ...string) said {
	t.Helper()
	return orderctlIn(t, "", settings, args...)
}

// orderctlIn runs it in a folder.
func orderctlIn(t *testing.T, folder string, settings []string, args ...string) said {
	t.Helper()
	path, err := build()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(),
		"ORDERCTL_TOKEN="+token(t, "olga", "operator"), "ORDERCTL_KAFKA="+system.Brokers,
		"ORDERCTL_PROVIDER="+system.APIs("provider")[0], "ORDERCTL_PROVIDER_KEY="+stack.ProviderKey)
	for _, p := range system.Programs {
		cmd.Env = append(cmd.Env, "ORDERCTL_"+strings.ToUpper(p.Service.Name)+"_ADMIN="+p.AdminAddr)
	}
	cmd.Env = append(cmd.Env, settings...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// report is what why says as JSON.
type report struct {
	State    string   `json:"state"`
	Answer   string   `json:"answer"`
	AddsUp   bool     `json:"adds_up"`
	Complete bool     `json:"complete"`
	Findings []string `json:"findings"`
	Notes    []string `json:"notes"`
	Timeline []struct {
		What  string `json:"what"`
		Where string `json:"where"`
		Name  string `json:"name"`
	} `json:"timeline"`
}

func whyOf(t *testing.T, order uuid.UUID) (report, said) {
	t.Helper()
	s := orderctl(t, nil, "why", order.String(), "-o", "json")
	var r report
	require.NoError(t, json.Unmarshal([]byte(s.out), &r), "%s%s", s.out, s.errs)
	return r, s
}

// damaged places an order whose goods are found damaged when they are picked, after the money was taken.
func damaged(t *testing.T, customer string) uuid.UUID {
	t.Helper()
	body, err := json.Marshal(load.Order{Lines: []load.Line{{SKU: "DAMAGED", Quantity: 1}}, PaymentMethod: "pm_ok", ShipTo: "addr-1"})
	require.NoError(t, err)
	a := send(t, request{http.MethodPost, api("order", "/v1/orders"), map[string]string{
		"Authorization": "Bearer " + token(t, customer, "customer"), "Content-Type": "application/json", "Idempotency-Key": uuid.NewString(),
	}, bytes.NewReader(body)})
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	return uuid.MustParse(strings.TrimPrefix(a.header.Get("Location"), "/v1/orders/"))
}

// Whatever way an order ended, all that is known of it adds up, and why knows all of it.
func TestOrderctlKnowsWhyAnOrderEnded(t *testing.T) {
	for _, c := range []struct {
		method, state, answer string
		messages, calls       int
	}{
		{"pm_ok", "completed", "It is completed, since ", 11, 2},
		{"pm_declined", "rejected", "It is rejected: authorize payment was refused (declined), since ", 9, 1},
		{"pm_capture_refused", "rejected", "It is rejected: capture payment was refused (expired), since ", 13, 4},
	} {
		t.Run(c.method, func(t *testing.T) {
			order := place(t, "alice", c.method, nil)
			require.Equal(t, c.state, settled(t, order).State)
			r, s := whyOf(t, order)
			require.Equal(t, 0, s.code, "%s%s", s.out, s.errs)
			require.True(t, r.AddsUp && r.Complete)
			require.Empty(t, r.Findings)
			require.Empty(t, r.Notes)
			require.Equal(t, c.state, r.State)
			require.Contains(t, r.Answer, c.answer)
			kinds := map[string]int{}
			for _, m := range r.Timeline {
				kinds[m.What]++
			}
			require.Equal(t, 1, kinds["request"])
			require.Equal(t, c.messages, kinds["message"])
			require.Equal(t, c.calls, kinds["provider"])
			require.Equal(t, (c.messages+1)/2, kinds["transition"], "each event is an input, each but the last sends a command")
			require.Contains(t, orderctl(t, nil, "why", order.String()).out, "\nIt all adds up.\n"+c.answer)
		})
	}
}

// What contradicts itself is found: here the order service says another end than everybody else.
func TestOrderctlFindsWhatDoesNotAddUp(t *testing.T) {
	order := place(t, "alice", "pm_ok", nil)
	require.Equal(t, "completed", settled(t, order).State)
	url, err := system.Database("orders")
	require.NoError(t, err)
	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer db.Close(t.Context())
	set := func(status, reason string) {
		_, err := db.Exec(t.Context(), `UPDATE orders SET status = $2, reason = $3 WHERE order_id = $1`, order, status, reason)
		require.NoError(t, err)
	}
	set("rejected", "declined")
	r, s := whyOf(t, order)
	set("completed", "")
	require.Equal(t, 1, s.code)
	require.False(t, r.AddsUp)
	require.Equal(t, []string{
		"the saga is completed, but for the order service the order is rejected",
		"the order is rejected, but the provider keeps 39.98 EUR of it, not 0.00 EUR",
	}, r.Findings)
	_, s = whyOf(t, order)
	require.Equal(t, 0, s.code)
}

// An order that waits for the provider says so, and since when; it is undone at an operator's wish.
func TestOrderctlSaysWhatAnOrderWaitsFor(t *testing.T) {
	order := place(t, "alice", "pm_5xx", nil)
	var r report
	testkit.Eventually(t, func() bool {
		r, _ = whyOf(t, order)
		return strings.Contains(r.Answer, "calls for the authorization since")
	}, "calls without an answer")
	require.True(t, r.AddsUp && r.Complete, "%v", r.Findings)
	found := orderctl(t, nil, "saga", "list", "--step", "authorize payment", "--customer", "alice").out
	require.Contains(t, found, order.String())

	s := orderctl(t, nil, "saga", "unwind", order.String(), "--reason", "the customer called")
	require.Equal(t, 2, s.code, "nobody was there to be asked")
	require.Contains(t, s.errs, "give --yes")
	s = orderctl(t, nil, "saga", "unwind", order.String(), "--yes")
	require.Equal(t, 2, s.code)
	require.Contains(t, s.errs, "--reason is not set")
	s = orderctl(t, nil, "saga", "unwind", order.String(), "--reason", "the customer called", "--yes", "-o", "json")
	require.Equal(t, 0, s.code, s.errs)
	require.Equal(t, "rejected", settled(t, order).State)
	s = orderctl(t, nil, "saga", "unwind", order.String(), "--reason", "once more", "--yes")
	require.Equal(t, 1, s.code)
	require.Contains(t, s.errs, "it is over")
	require.Contains(t, orderctl(t, nil, "saga", "show", order.String()).out, `olga: "the customer called"`)
}

func TestOrderctlExitCodesAndErrorsSayWhatToDo(t *testing.T) {
	order := uuid.Must(uuid.NewV7()).String()
	for _, c := range []struct {
		settings, args []string
		code           int
		says           string
	}{
		{nil, []string{"why", order}, 1, "nobody knows this order"},
		{nil, []string{"saga", "show", order}, 1, "No saga instance"},
		{nil, []string{"why", "42"}, 2, "is no id of an order"},
		{nil, []string{"why"}, 2, "accepts 1 arg"},
		{nil, []string{"saga", "list", "--state", "lost"}, 2, "#/query/state"},
		{nil, []string{"saga", "list", "--limit", "0"}, 2, "give 1 to 200"},
		{nil, []string{"saga", "frob"}, 2, "see orderctl saga --help"},
		{nil, []string{"tap", "nothing.events"}, 2, "there are: order.commands"},
		{nil, []string{"tap", "--from", "tomorrow"}, 2, "such as -5m"},
		{[]string{"ORDERCTL_TOKEN="}, []string{"saga", "list"}, 2, "give --token or ORDERCTL_TOKEN"},
		{[]string{"ORDERCTL_TOKEN=" + token(t, "alice", "customer")}, []string{"why", order}, 2, "lacks the role operator"},
		{[]string{"ORDERCTL_PROCESSMANAGER_ADMIN=127.0.0.1:1"}, []string{"saga", "list"}, 3, "is --processmanager-admin right?"},
		{[]string{"ORDERCTL_PAYMENT_ADMIN=127.0.0.1:1"}, []string{"why", order}, 3, "not everybody answered: payment"},
		{[]string{"ORDERCTL_LOYALTY_ADMIN=127.0.0.1:1"}, []string{"deadletters", "list"}, 3, "not everybody answered: loyalty"},
		{[]string{"ORDERCTL_KAFKA=127.0.0.1:1"}, []string{"tap", "--from", "begin"}, 3, "is --kafka right?"},
	} {
		s := orderctl(t, c.settings, c.args...)
		require.Equal(t, c.code, s.code, "%v: %s%s", c.args, s.out, s.errs)
		require.Contains(t, s.errs, c.says, "%v", c.args)
	}
}
