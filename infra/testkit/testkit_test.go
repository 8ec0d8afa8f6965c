package testkit_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv("TESTKIT_HANG") != "" {
		_ = m.Run() // only TestHang, which is killed
		os.Exit(1)
	}
	testkit.Main(m)
}

// TestHang is the process that TestNothingIsLeftOfAKilledProcess kills.
func TestHang(t *testing.T) { //nolint:paralleltest // the only one in its process
	if os.Getenv("TESTKIT_HANG") == "" {
		return
	}
	db := testkit.Postgres(t)
	var pid int
	var dir string
	query := `SELECT pg_backend_pid(), current_setting('data_directory')`
	if err := db.Pool.QueryRow(t.Context(), query).Scan(&pid, &dir); err != nil {
		t.Fatal(err)
	}
	fmt.Println("up", pid, dir)
	select {}
}

func TestNothingIsLeftOfAKilledProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHang$", "-test.v")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "ORDERSAGA_TEST_")
	}), "TESTKIT_HANG=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, err := fmt.Sscanf(lines.Text(), "up %d %s", &pid, &dir); err == nil && n == 2 {
			break
		}
	}
	if pid == 0 {
		t.Fatal("the process did not get its PostgreSQL")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	testkit.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) && errors.Is(err, os.ErrNotExist)
	}, "server and files are gone")
}

func TestEachTestHasASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	migration := testkit.Migration{Table: "goose_own", FS: fstest.MapFS{
		"migrations/0001_own.sql": {Data: []byte("-- +schema expands\n-- +goose Up\nCREATE TABLE own (id int PRIMARY KEY);\n")},
	}}
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t, migration)
			if _, err := db.Pool.Exec(t.Context(), `INSERT INTO own VALUES (1)`); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestEachBrokerAnswers(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		b.Topics(t, 3, "things")
		topic := b.Prefix + "things"
		record := &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("v"), Partition: kafka.Partition([]byte("k"), 3)}
		if err := b.Client(t).ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		reader := b.Client(t, kgo.ConsumeTopics(topic))
		var got []*kgo.Record
		testkit.Eventually(t, func() bool {
			got = append(got, reader.PollFetches(t.Context()).Records()...)
			return len(got) > 0
		}, "the record comes back")
		if string(got[0].Value) != "v" || got[0].Partition != record.Partition {
			t.Fatalf("got %+v", got[0])
		}
	})
}
