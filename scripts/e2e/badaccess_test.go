package e2e

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/stack"
)

func badTokens(t *testing.T) []bad {
	t.Helper()
	strangers, err := stack.OpenKeys(t.TempDir())
	require.NoError(t, err)
	_, err = strangers.Token("alice", "customer", time.Hour) // makes the keys
	require.NoError(t, err)
	signed := func(k *stack.Keys, change jwt.MapClaims) request {
		claims := stack.Claims("alice", time.Hour, "customer")
		maps.Copy(claims, change)
		token, err := k.Sign(claims)
		require.NoError(t, err)
		return placing(t, goodOrder, "Authorization", "Bearer "+token)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, stack.Claims("alice", time.Hour, "customer")).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	good := token(t, "alice", "customer")
	tampered := good[:len(good)-4] + "AAAA"
	ours, now := system.Keys, time.Now()
	no := http.StatusUnauthorized
	return []bad{
		{"no token", placing(t, goodOrder, "Authorization", ""), no, "missing-token", nil},
		{"no bearer", placing(t, goodOrder, "Authorization", "Basic YWxpY2U6cw=="), no, "missing-token", nil},
		{"rubbish for a token", placing(t, goodOrder, "Authorization", "Bearer rubbish"), no, "invalid-token", nil},
		{"forged token", signed(strangers, nil), no, "invalid-token", nil},
		{"tampered token", placing(t, goodOrder, "Authorization", "Bearer "+tampered), no, "invalid-token", nil},
		{"unsigned token", placing(t, goodOrder, "Authorization", "Bearer "+unsigned), no, "invalid-token", nil},
		{"expired token", signed(ours, jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}), no, "invalid-token", nil},
		{"token that never expires", signed(ours, jwt.MapClaims{"exp": nil}), no, "invalid-token", nil},
		{"token of tomorrow", signed(ours, jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}), no, "invalid-token", nil},
		{"token for another audience", signed(ours, jwt.MapClaims{"aud": "shop"}), no, "invalid-token", nil},
		{"token of another issuer", signed(ours, jwt.MapClaims{"iss": "https://example.org"}), no, "invalid-token", nil},
		{"token of nobody", signed(ours, jwt.MapClaims{"sub": ""}), no, "invalid-token", nil},
		{"token without the role", signed(ours, jwt.MapClaims{"roles": []string{}}), http.StatusForbidden, "forbidden", nil},
		{"token of another role", signed(ours, jwt.MapClaims{"roles": []string{"operator"}}), http.StatusForbidden, "forbidden", nil},
	}
}

// badReads are of an order that alice placed and that has ended.
func badReads(t *testing.T, finished uuid.UUID) []bad {
	t.Helper()
	as := func(who, method, path string) request {
		return request{method, api("order", path), map[string]string{"Authorization": "Bearer " + token(t, who, "customer")}, nil}
	}
	path := "/v1/orders/" + finished.String()
	nowhere := http.StatusNotFound
	return []bad{
		{"another's order", as("bob", http.MethodGet, path), nowhere, "not-found", nil},
		{"cancelling another's order", as("bob", http.MethodPost, path+"/cancellation"), nowhere, "not-found", nil},
		{"an order that is none", as("alice", http.MethodGet, "/v1/orders/"+uuid.NewString()), nowhere, "not-found", nil},
		{"cancelling what has ended", as("alice", http.MethodPost, path+"/cancellation"), http.StatusConflict, "order-final", nil},
		{"an id that is none", as("alice", http.MethodGet, "/v1/orders/7"), http.StatusBadRequest, "schema", []string{"#/path/order_id"}},
		{"an unknown parameter", as("alice", http.MethodGet, "/v1/orders?colour=red"), http.StatusBadRequest, "schema", []string{"#/query/colour"}},
		{"an unknown status", as("alice", http.MethodGet, "/v1/orders?status=lost"), http.StatusBadRequest, "schema", []string{"#/query/status"}},
		{"another's cursor", as("alice", http.MethodGet, "/v1/orders?cursor=x"), http.StatusBadRequest, "schema", []string{"#/query/cursor"}},
		{"an unknown path", as("alice", http.MethodGet, "/v1/parcels"), nowhere, "not-found", nil},
		{"an unknown method", as("alice", http.MethodDelete, path), http.StatusMethodNotAllowed, "method-not-allowed", nil},
	}
}

func badStock(t *testing.T) []bad {
	t.Helper()
	change := func(path, body string, headers ...string) request {
		r := placing(t, body, headers...)
		r.url = api("warehouse", "/v1/stock/"+path)
		if r.headers["Authorization"] == "Bearer "+token(t, "alice", "customer") {
			r.headers["Authorization"] = "Bearer " + token(t, "olga", "operator")
		}
		return r
	}
	customer := change("SKU-0500/receipts", `{"quantity":1}`)
	customer.headers["Authorization"] = "Bearer " + token(t, "alice", "customer")
	syntax := http.StatusBadRequest
	return []bad{
		{"negative receipt", change("SKU-0500/receipts", `{"quantity":-1}`), syntax, "schema", []string{"/quantity"}},
		{"huge receipt", change("SKU-0500/receipts", `{"quantity":1000001}`), syntax, "schema", []string{"/quantity"}},
		{"receipt with an unknown field", change("SKU-0500/receipts", `{"quantity":1,"price":5}`), syntax, "schema", []string{"/price"}},
		{"receipt without a key", change("SKU-0500/receipts", `{"quantity":1}`, "Idempotency-Key", ""), syntax, "schema", []string{"#/header/Idempotency-Key"}},
		{"receipt of an impossible SKU", change(strings.Repeat("S", 65)+"/receipts", `{"quantity":1}`), syntax, "schema", []string{"#/path/sku"}},
		{"damage of what never came", change("NO-SUCH/damage", `{"quantity":1}`), http.StatusNotFound, "not-found", nil},
		{"more damaged than there is", change("SKU-0500/damage", `{"quantity":1000000}`), http.StatusUnprocessableEntity, "too-much-damage", nil},
		{"receipt by a customer", customer, http.StatusForbidden, "forbidden", nil},
	}
}

// stored counts the rows of every table of the services that customers and operators speak to.
func stored(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, database := range []string{"orders", "warehouse"} {
		url, err := system.Database(database)
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), `SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables`)
		require.NoError(t, err)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.NotEmpty(t, tables)
		for _, table := range tables {
			var n int
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n)) // names from the catalogue, quoted
			counts[database+" "+table] = n
		}
		require.NoError(t, conn.Close(t.Context()))
	}
	return counts
}
