package people

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
)

// Fault makes the next call of an operation at the provider fail.
func (p *People) Fault(t testing.TB, operation, fault string, delay time.Duration) {
	t.Helper()
	p.Faults(t, operation, fault, 1, delay)
}

// Faults makes the next calls of an operation at the provider fail; times 0: every call, until Clear.
func (p *People) Faults(t testing.TB, operation, fault string, times int, delay time.Duration) {
	t.Helper()
	_, err := p.Provider.Do(t.Context(), http.MethodPost, "/v1/faults", "", map[string]any{
		"operation": operation, "fault": fault, "times": times, "delay_ms": delay.Milliseconds(),
	}, nil)
	require.NoError(t, err)
}

// Hold keeps every call of an operation from being done or answered, until Clear. It is then repeated.
func (p *People) Hold(t testing.TB, operation string) {
	t.Helper()
	p.Faults(t, operation, "timeout_before", 0, 0)
}

// Clear ends every fault at the provider.
func (p *People) Clear(t testing.TB) {
	t.Helper()
	_, err := p.Provider.Do(t.Context(), http.MethodDelete, "/v1/faults", "", nil, nil)
	require.NoError(t, err)
}

// ForgetKeys makes the provider forget every key, and with it what it closed.
func (p *People) ForgetKeys(t testing.TB) {
	t.Helper()
	_, err := p.Provider.Do(t.Context(), http.MethodDelete, "/v1/keys", "", nil, nil)
	require.NoError(t, err)
}

// Entry is a line of the provider's ledger.
type Entry struct {
	Operation   string `json:"operation"`
	Outcome     string `json:"outcome"`
	Key         string `json:"key"`
	Reference   string `json:"reference"`
	AmountMinor int64  `json:"amount_minor"`
}

// Ledger returns what the provider did for an order; of uuid.Nil everything.
func (p *People) Ledger(t testing.TB, id uuid.UUID) (entries []Entry) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Provider.Base[0]+"/v1/ledger", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+p.Provider.Token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close() //nolint:errcheck // read only
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		var e Entry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		if id == uuid.Nil || e.Reference == id.String() {
			entries = append(entries, e)
		}
	}
	require.NoError(t, lines.Err())
	return entries
}

// Wish asks the process manager for something, for a reason.
func (p *People) Wish(t testing.TB, id uuid.UUID, what string, body map[string]string) {
	t.Helper()
	body["reason"] = "a test"
	_, err := p.Operator.Do(t.Context(), http.MethodPost, "/admin/v1/instances/"+id.String()+"/"+what, uuid.NewString(), body, nil)
	require.NoError(t, err)
}

// Instance is what an operator sees of an order's saga.
type Instance struct {
	State       string `json:"state"`
	Stuck       string `json:"stuck"`
	Outstanding *struct {
		Step string `json:"step"`
		Undo bool   `json:"undo"`
	} `json:"outstanding"`
	Steps []struct {
		Step    string `json:"step"`
		Outcome string `json:"outcome"`
	} `json:"steps"`
	History []struct {
		Input    string `json:"input"`
		Effect   string `json:"effect"`
		Operator string `json:"operator"`
		Reason   string `json:"reason"`
		Note     string `json:"note"`
	} `json:"history"`
}

// Instance reads an order's saga. It is empty while the process manager has not read of the order.
func (p *People) Instance(t testing.TB, id uuid.UUID) (i Instance) {
	t.Helper()
	_, err := p.Operator.Do(t.Context(), http.MethodGet, "/admin/v1/instances/"+id.String(), "", nil, &i)
	if unknown := (*load.StatusError)(nil); errors.As(err, &unknown) && unknown.Status == http.StatusNotFound {
		return i
	}
	require.NoError(t, err)
	return i
}

// IsStuck waits until an operator is called for an order of which nothing is outstanding, and returns it.
func (p *People) IsStuck(t testing.TB, id uuid.UUID) (i Instance) {
	t.Helper()
	testkit.Eventually(t, func() bool { i = p.Instance(t, id); return i.Outstanding == nil && i.Stuck != "" }, id.String(), "is stuck")
	return i
}

// SQL runs a statement in a database, as somebody who may.
func (p *People) SQL(t testing.TB, database, sql string, args ...any) {
	t.Helper()
	p.connected(t, database, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

// Row reads one row into the targets.
func (p *People) Row(t testing.TB, database, sql string, args, targets []any) {
	t.Helper()
	p.connected(t, database, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, sql, args...).Scan(targets...)
	})
}

// Count reads one number.
func (p *People) Count(t testing.TB, database, sql string, args ...any) (n int) {
	t.Helper()
	p.Row(t, database, sql, args, []any{&n})
	return n
}

func (p *People) connected(t testing.TB, database string, do func(context.Context, *pgx.Conn) error) {
	t.Helper()
	url, err := p.Database(database)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // done
	require.NoError(t, do(t.Context(), conn))
}
