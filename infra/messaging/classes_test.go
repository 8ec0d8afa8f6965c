package messaging

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var updateDocs = flag.Bool("update", false, "write the documents that are made of tables in the code")

const classesDocument = "../docs/what-becomes-of-errors.md"

// What the document says is what the code does.
func TestClassesAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# What becomes of what is wrong

Written from the tables in ` + "[`messaging/classes.go`](../messaging/classes.go)" + `; why it is so: [decisions](decisions/what-blames-a-message.md).

## A record, before the database is asked

| what is wrong with it | what becomes of it | its key |
|---|---|---|
`)
	for _, f := range flaws[1:] {
		becomes, key := "skipped and counted", "flows"
		if f.fate == dead {
			becomes, key = "dead letter: `"+string(f.reason)+"`", "waits"
		}
		if f.reason == reasonBadKey {
			key = "flows: nobody's order depends on it"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.what, becomes, key)
	}
	b.WriteString(`
## A transaction

The first line that fits holds. Nothing is ever dropped: while a transaction is tried again its partitions wait, and where it is given up its
messages are read again.

| the error | what becomes of the batch |
|---|---|
`)
	verdicts := map[verdict]string{
		retriable: "**retriable**: tried again in place, with backoff, for as long as it takes",
		contended: fmt.Sprintf("**contended**: tried again %d times, then poison", patientConflicts),
		poison:    "**poison**: its message is set aside, `undecidable` where `Decide` refused it, else `poison` once the batch was taken apart until it was alone; the others are handled",
		fatal:     "**fatal**: tried again, and an error in the log: the partition waits for people, and no message is blamed",
	}
	for _, e := range troubles {
		fmt.Fprintf(&b, "| %s | %s |\n", e.what, verdicts[e.verdict])
	}
	b.WriteString(`
## A partition or a process

| what is wrong | what becomes of it |
|---|---|
| positions moved without the worker (another owner, a rewind, a COMMIT whose answer was lost) | the batch is void, the positions are taken again |
| the position lies outside the log, the leader epoch went back, or the topic was made again | the partition stops and alerts (` + "`messaging_partitions_paused`" + `): nothing is skipped |
| a topic has another partition count, or another process runs as the same replica | the process stops and says so |
`)
	if *updateDocs {
		if err := os.WriteFile(classesDocument, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(classesDocument)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the tables say: go test ./messaging -run Documented -update", classesDocument)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	sql := func(code string) error { return ofBatch("save", &pgconn.PgError{Code: code}) }
	for name, c := range map[string]struct {
		err  error
		want verdict
	}{
		"a check that fails":      {sql("23514"), poison},
		"too long a value":        {sql("22001"), poison},
		"unique violation":        {sql("23505"), contended},
		"deadlock":                {sql("40P01"), retriable},
		"disk full":               {sql("53100"), retriable},
		"shutting down":           {sql("57P01"), retriable},
		"statement cancelled":     {sql("57014"), retriable},
		"connection lost":         {ofBatch("load", io.ErrUnexpectedEOF), retriable},
		"out of time":             {ofBatch("load", context.DeadlineExceeded), retriable},
		"no such table":           {sql("42P01"), fatal},
		"no right":                {sql("42501"), fatal},
		"no such schema":          {sql("3F000"), fatal},
		"panic":                   {fmt.Errorf("load: %w", panicked{"boom", ""}), poison},
		"nobody could send it":    {unsendable{io.EOF}, poison},
		"the handler's own":       {ofBatch("load", errors.New("no such thing")), poison},
		"Decide":                  {decideError{errors.New("no")}, poison},
		"COMMIT became ROLLBACK":  {pgx.ErrTxCommitRollback, retriable},
		"check of our own tables": {&pgconn.PgError{Code: "23514"}, retriable},
	} {
		if got := verdictOn(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestClassOfAnError(t *testing.T) {
	t.Parallel()
	_, numErr := fmt.Sscanf("x", "%d", new(int))
	for want, err := range map[string]error{
		"":                    nil,
		"SQLSTATE 23514":      ofBatch("save", &pgconn.PgError{Code: "23514"}),
		"panic":               ofBatch("save", panicked{"boom", "stack"}),
		"*errors.errorString": fmt.Errorf("outer: %w", numErr),
		"*fs.PathError":       errors.Join(&os.PathError{Err: nil}),
	} {
		if got := classOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
