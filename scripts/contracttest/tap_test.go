package contracttest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/venv"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	examples = "../../contracts/examples"
	order    = "0199b1de-7c1e-7aaa-8bbb-0123456789ab" // of every sample
)

// python returns the folder of an interpreter that has what the tap requires; scripts/tap-check uses the same.
var python = sync.OnceValues(func() (string, error) {
	return venv.Ensure(context.Background(), "tap", filepath.Join(examples, "requirements.txt"))
})

// tap runs the tap over all topics and returns its exit code and output.
func tap(t *testing.T, b testkit.Broker, flags ...string) (code int, out, summary string) {
	t.Helper()
	bin, err := python()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{
		"-B", filepath.Join(examples, "tap.py"), "--brokers", strings.Join(b.Addrs, ","), "--prefix", b.Prefix,
	}, flags...)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "python"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// record is a sample as its sender would publish it.
type record struct {
	topic   string
	key     string
	value   []byte
	headers map[string]string
}

func published(t *testing.T, e contracts.Entry) record {
	t.Helper()
	r := record{topic: e.Topic, key: order, value: sample(t, e.Type), headers: map[string]string{
		"ce_specversion": "1.0", "ce_id": "b1c2d3e4-0000-5000-8000-000000000001", "ce_source": "/services/order",
		"ce_type": e.Type, "ce_subject": order, "ce_time": "2026-10-05T12:00:00.123456Z",
		"ce_sequence": "00000000000000000001", "ce_correlationid": order,
		"ce_causationid": "b1c2d3e4-0000-5000-8000-000000000002", "content-type": "application/json",
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}}
	if strings.HasSuffix(e.Topic, ".commands") {
		r.headers["ce_attempt"] = "1"
	}
	return r
}

func publish(t *testing.T, b testkit.Broker, records ...record) {
	t.Helper()
	client := b.Client(t)
	for _, r := range records {
		out := &kgo.Record{
			Topic: b.Prefix + r.topic, Key: []byte(r.key), Value: r.value,
			Partition: kafka.Partition([]byte(order), contracts.Partitions),
		}
		for name, value := range r.headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
		if err := client.ProduceSync(t.Context(), out).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheTapReadsEveryMessageByTheSchemasAlone(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		b.Topics(t, contracts.Partitions, contracts.Topics()...)
		for _, e := range contracts.Entries() {
			publish(t, b, published(t, e))
		}
		code, out, summary := tap(t, b)
		if n := strings.Count(out, "\n"); code != 0 || n != len(contracts.Entries()) {
			t.Errorf("exit code %d, %d lines:\n%s%s", code, n, out, summary)
		}
		for _, e := range contracts.Entries() {
			if !strings.Contains(out, " "+e.Type+` {"order_id":"`+order) {
				t.Errorf("no line for %s", e.Type)
			}
		}
		if code, _, _ := tap(t, b, "--count", strconv.Itoa(len(contracts.Entries())+1), "--idle-seconds", "1"); code != 1 {
			t.Errorf("exit code %d with fewer records than counted on", code)
		}
	})
}

func TestTheTapFindsEveryKindOfFault(t *testing.T) {
	t.Parallel()
	entries := map[string]contracts.Entry{}
	for _, e := range contracts.Entries() {
		entries[e.Type] = e
	}
	header := func(name, value string) func(*record) {
		return func(r *record) {
			r.headers = maps.Clone(r.headers)
			if value == "" {
				delete(r.headers, name)
			} else {
				r.headers[name] = value
			}
		}
	}
	replace := func(old, by string) func(*record) {
		return func(r *record) { r.value = bytes.ReplaceAll(r.value, []byte(old), []byte(by)) }
	}
	faults := []struct {
		wireType string
		damage   func(*record)
		want     string
	}{
		{"OrderPlaced.v1", header("ce_id", ""), "headers: /ce_id: missing"},
		{"OrderPlaced.v1", header("ce_id", strings.ToUpper(order)), "headers: /ce_id: does not match"},
		{"OrderPlaced.v1", header("ce_specversion", "0.3"), "headers: /ce_specversion: not '1.0'"},
		{"OrderPlaced.v1", header("ce_sequence", "1"), "headers: /ce_sequence: does not match"},
		{"OrderPlaced.v1", header("ce_time", "2026-10-05 12:00"), "headers: /ce_time: does not match"},
		{"OrderPlaced.v1", header("ce_type", "OrderPlaced.v9"), "no schema for OrderPlaced.v9"},
		{"OrderPlaced.v1", header("traceparent", "00-xyz"), "headers: /traceparent: does not match"},
		{"ReserveStock.v1", header("ce_attempt", ""), "headers: /ce_attempt: missing"},
		{"OrderPlaced.v1", func(r *record) { r.key = "alice" }, "key: not ce_subject"},
		{"OrderPlaced.v1", func(r *record) { r.value = nil }, "value:"},
		{"OrderPlaced.v1", func(r *record) { r.value = []byte("[]") }, "/: not of type object"},
		{"OrderPlaced.v1", replace("}", ""), "value: no JSON"},
		{"OrderPlaced.v1", replace(`"EUR"`, `"euro"`), "/currency: does not match"},
		{"OrderPlaced.v1", replace(`4497`, `44.97`), "/total/amount_minor: not of type integer"},
		{"OrderPlaced.v1", replace(`4497`, `NaN`), "value: no JSON"},
		{"OrderPlaced.v1", replace(`4497`, `-1`), "/total/amount_minor: less than 0"},
		{"OrderPlaced.v1", replace(`"alice"`, `""`), "/customer_id: shorter than 1"},
		{"ReserveStock.v1", replace(`"quantity":2`, `"quantity":1001`), "/lines/0/quantity: more than 1000"},
		{"ReserveStock.v1", replace(`"quantity":2`, `"quantity":true`), "/lines/0/quantity: not of type integer"},
		{"ReserveStock.v1", replace(`"quantity":1`, `"amount":1`), "/lines/1/quantity: missing"},
		{"OrderRejected.v1", replace(`"declined"`, `"bad_luck"`), "/reason: none of"},
	}
	b := testkit.Kafka(t)
	b.Topics(t, contracts.Partitions, contracts.Topics()...)
	for _, f := range faults {
		r := published(t, entries[f.wireType])
		f.damage(&r)
		publish(t, b, r)
	}
	code, out, summary := tap(t, b)
	if n := strings.Count(out, "INVALID"); code != 1 || n != len(faults) {
		t.Errorf("exit code %d, found %d of %d:\n%s%s", code, n, len(faults), out, summary)
	}
	for _, f := range faults {
		if !strings.Contains(out, f.want) {
			t.Errorf("not found: %s", f.want)
		}
	}
	if code, _, words := tap(t, testkit.Broker{Addrs: b.Addrs, Prefix: "nothing-here."}); code != 3 {
		t.Errorf("exit code %d without topics: %s", code, words)
	}
}
