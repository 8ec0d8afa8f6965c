package main

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/migrations"
)

// What becomes of this program when a later one migrates: it goes on where that expands, and is told why not where that
// contracts what this one needs.
func TestALaterProgramMigrates(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	if err := s.command("migrate").Run(); err != nil {
		t.Fatal(err)
	}
	later := fstest.MapFS{}
	ours, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range ours {
		content, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		later[name] = &fstest.MapFile{Data: content}
	}
	migrate := func(name, sql string) {
		t.Helper()
		later[name] = &fstest.MapFile{Data: []byte(sql)}
		if _, err := postgres.Migrate(t.Context(), s.url, "", migrations.Table, later); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (words string, code int) {
		t.Helper()
		var out strings.Builder
		cmd := s.command(args...)
		cmd.Stderr = &out
		_ = cmd.Run() // the code says it
		return out.String(), cmd.ProcessState.ExitCode()
	}

	migrate("0098_wider.sql", "-- +schema expands\n-- +goose Up\nALTER TABLE stock ADD COLUMN shelf text NOT NULL DEFAULT '';\n")
	if words, code := run("migrate"); code != program.ExitOK || !strings.Contains(words, "goose_warehouse: nothing to do") {
		t.Errorf("migrate on an expanded schema: %d %q", code, words)
	}
	cmd := s.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	testkit.Eventually(t, func() bool { status, _ := s.do("GET", s.admin+"/readyz", "", ""); return status == 200 }, "ready on an expanded schema")

	migrate("0099_narrower.sql", "-- +schema contracts 98\n-- +goose Up\nALTER TABLE stock DROP COLUMN damaged;\n")
	for _, command := range []string{"migrate", "serve"} {
		if words, code := run(command); code != program.ExitFailed || !strings.Contains(words, "goose_warehouse is at 99 and takes programs that know 98; this one knows") {
			t.Errorf("%s on a contracted schema: %d %q", command, code, words)
		}
	}
}
