package trail_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const partitions = 12

// port serves the trails of a service whose database knows of one subject, and of others.
func port(t *testing.T, subject uuid.UUID) *httptest.Server {
	t.Helper()
	db := testkit.Postgres(t, testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations})
	other := uuid.New()
	for _, statement := range []string{
		`CREATE TABLE things (id uuid, n int); INSERT INTO things SELECT unnest(ARRAY['` + subject.String() + `', '` + other.String() + `']::uuid[]), 7`,
	} {
		_, err := db.Pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	for _, id := range []uuid.UUID{other, subject} {
		for _, s := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO outbox (aggregatetype, aggregateid, type, payload, event_id, source, time, sequence, attempt)
				VALUES ('things.events', $1, 'Made.v1', '{}', $2, '/s', '', '1', NULL), ('things.commands', $1, 'Make.v1', '{}', $2, '/s', '', '2', 3)`, []any{id, uuid.New()}},
			{`INSERT INTO fence VALUES ($1, 'thing', false, 'answered', $2, 2, '', '', 1, 'Made.v1', 'things.events', now(), '{}'),
				($1, 'events', false, 'counter', NULL, 0, '', '', 4, '', '', NULL, '')`, []any{id, uuid.New()}},
			{`INSERT INTO dead_letters ("group", subject, topic, topic_id, partition, "offset", reason, error, type, attempt, headers, written_at)
				VALUES ('maker', $1, 'things.commands', $2, 1, 5, 'undecidable', 'no such thing', 'Make.v1', 1, '[]', now()),
				('someone else', $1, 'things.commands', $2, 1, 5, 'undecidable', 'not ours', 'Make.v1', 1, '[]', now())`, []any{id, uuid.New()}},
		} {
			_, err := db.Pool.Exec(t.Context(), s.sql, s.args...)
			require.NoError(t, err)
		}
	}
	_, err := db.Pool.Exec(t.Context(), `INSERT INTO positions SELECT 'maker', 'things.commands', p, $1, 100 + p, -1, '' FROM generate_series(0, 11) AS p`, uuid.New())
	require.NoError(t, err)

	log := slog.New(slog.DiscardHandler)
	document, err := os.ReadFile(filepath.Join("..", "..", "..", "contracts", "openapi", "trail.yaml"))
	require.NoError(t, err)
	routes, err := trail.Routes(trail.Config{
		Service: "maker", Partitions: partitions, Document: document, Pool: db.Pool, Log: log,
		Tables: []trail.Own{{Name: "things", SQL: `SELECT n FROM things WHERE id = $1`}},
	})
	require.NoError(t, err)
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{
		JWKS: testkit.JWKS(t), Issuer: testkit.Issuer, Audience: testkit.Audience, Log: log,
	})
	require.NoError(t, err)
	server := httptest.NewServer(httpserver.Admin(httpserver.AdminConfig{
		Telemetry: telemetry.Telemetry{Log: log, Registry: prometheus.NewRegistry()}, Auth: auth, Routes: routes,
	}))
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url, token string, out any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(out))
	return resp.StatusCode
}

func TestATrailIsWhatTheServiceKnowsOfTheSubject(t *testing.T) {
	t.Parallel()
	subject := uuid.Must(uuid.NewV7())
	server, operator := port(t, subject), testkit.Token(t, "olga", "operator")
	var got trail.Trail
	require.Equal(t, http.StatusOK, get(t, server.URL+"/admin/v1/trails/"+subject.String(), operator, &got))
	require.Equal(t, kafka.Partition([]byte(subject.String()), partitions), got.Partition)
	require.False(t, got.ReadAt.IsZero())
	require.Equal(t, []trail.Table{{Name: "things", Rows: []map[string]any{{"n": 7.}}}}, got.Tables)
	require.Len(t, got.Outbox, 2)
	require.Equal(t, "Made.v1", got.Outbox[0].Type)
	require.Nil(t, got.Outbox[0].Attempt)
	require.Equal(t, 3, *got.Outbox[1].Attempt)
	require.Len(t, got.Fence, 1) // a counter is no entry
	require.Equal(t, "Made.v1", *got.Fence[0].AnswerType)
	require.Len(t, got.DeadLetters, 1)
	require.Equal(t, "no such thing", got.DeadLetters[0].Error)
	require.Equal(t, []trail.Position{{Topic: "things.commands", Next: 100 + int64(got.Partition)}}, got.Positions)

	var unknown trail.Trail
	require.Equal(t, http.StatusOK, get(t, server.URL+"/admin/v1/trails/"+uuid.NewString(), operator, &unknown))
	require.Empty(t, unknown.Outbox)
	require.Empty(t, unknown.Tables[0].Rows)
}

func TestTrailsAreForOperators(t *testing.T) {
	t.Parallel()
	subject := uuid.New()
	server := port(t, subject)
	var problem httpserver.Problem
	require.Equal(t, http.StatusForbidden, get(t, server.URL+"/admin/v1/trails/"+subject.String(), testkit.Token(t, "alice", "customer"), &problem))
	require.Equal(t, http.StatusBadRequest, get(t, server.URL+"/admin/v1/trails/42", testkit.Token(t, "olga", "operator"), &problem))
	require.Equal(t, "/problems/schema", problem.Type)
}
