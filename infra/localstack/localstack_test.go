package localstack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/localstack"
)

func TestPostgresKeepsItsDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/pg"
	for i := range 2 {
		pg, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir})
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), pg.URL("postgres", "postgres"))
		require.NoError(t, err)
		if i == 0 {
			_, err = conn.Exec(t.Context(), "CREATE TABLE kept (id int)")
			require.NoError(t, err)
		}
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&n))
		require.NoError(t, conn.Close(t.Context()))
		pg.Stop()
		<-pg.Done()
	}
}

func TestEmbeddedKafkaAnswers(t *testing.T) {
	t.Parallel()
	k, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	defer k.Stop()
	ping(t, k.Addr)
}

func TestApacheKafkaAnswers(t *testing.T) {
	t.Parallel()
	require.True(t, localstack.HasJava(), "this test needs java")
	k, err := localstack.StartApacheKafka(t.Context(), localstack.ApacheKafkaConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	defer k.Stop()
	ping(t, k.Addr)
}

func TestRootsClosedFoldersStayClosed(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root has to become somebody else
	}
	home, err := os.MkdirTemp("/root", "ordersaga-")
	require.NoError(t, err)
	before, err := os.Stat("/root")
	require.NoError(t, err)
	dir := filepath.Join(home, "pg")
	pg, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir})
	require.NoError(t, err)
	elsewhere, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	pg.Stop()
	pg, err = localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir}) // once more on the same data
	require.NoError(t, err)
	pg.Stop()
	after, err := os.Stat("/root")
	require.NoError(t, err)
	require.Equal(t, before.Mode(), after.Mode())
	require.NoError(t, os.RemoveAll(elsewhere))
	require.NoError(t, os.RemoveAll(home))
}

func ping(t *testing.T, addr string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	require.NoError(t, err)
	defer cl.Close()
	require.NoError(t, cl.Ping(context.WithoutCancel(t.Context())))
}
