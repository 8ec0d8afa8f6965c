package gate_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ordersaga.internal/contracts/internal/gate"
)

const root = "../.."

// The gate: nothing that was published has changed, and everything there is has been published.
func TestWhatWasPublishedHolds(t *testing.T) {
	t.Parallel()
	faults, err := gate.Check(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) > 0 {
		t.Error(gate.Report(faults))
	}
}

// edit is a change that somebody makes to a file of contracts.
type edit struct{ file, old, new string }

// copied returns a copy of contracts, to change.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func apply(t *testing.T, dir string, edits ...edit) {
	t.Helper()
	for _, e := range edits {
		name := filepath.Join(dir, e.file)
		content, err := os.ReadFile(name)
		if err != nil && e.old != "" {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), e.old) {
			t.Fatalf("%s does not contain %q", e.file, e.old)
		}
		changed := e.new
		if e.old != "" {
			changed = strings.Replace(string(content), e.old, e.new, 1)
		}
		if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// publish runs the command in a copy, as people do, and returns what it says where it fails.
func publish(t *testing.T, dir string, flags ...string) (says string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "./cmd/publish"}, flags...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if (err == nil) != (len(out) == 0) {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// Every incompatible change fails, says what broke and what to do, and cannot be published.
func TestIncompatibleChangesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edits []edit
		want  string
	}{
		"a field renamed": {
			[]edit{{"warehouse.go", `json:"shipment_id"`, `json:"parcel_id"`}},
			"OrderDispatched.v1: /shipment_id is no longer there",
		},
		"a type changed": {
			[]edit{{"order.go", "Quantity int    `json:\"quantity\" schema:\"min=1,max=1000\"` // 1 to 1,000\n}", "Quantity string `json:\"quantity\" schema:\"min=1,max=1000\"`\n}"}},
			"ReserveStock.v1: /lines/*/quantity has another type: string, it was integer",
		},
		"a required field added": {
			[]edit{{"order.go", "type CancelOrder struct {", "type CancelOrder struct {\n\tWho string `json:\"who\"`"}},
			"CancelOrder.v1: /who is required now, and old records do not have it",
		},
		"a field made optional": {
			[]edit{{"warehouse.go", `json:"shipment_id"`, `json:"shipment_id,omitempty"`}},
			"OrderDispatched.v1: /shipment_id is no longer always there",
		},
		"an enum value removed": {
			[]edit{{"reason.go", "ReasonDamaged, ReasonTimedOut", "ReasonTimedOut"}},
			`DispatchRefused.v1: /reason can no longer be "damaged"`,
		},
		"an enum value added": {
			[]edit{{"reason.go", "ReasonDamaged, ReasonTimedOut", `ReasonDamaged, "bad_luck", ReasonTimedOut`}},
			`DispatchRefused.v1: /reason can be "bad_luck" now, which no reader knows`,
		},
		"a bound moved": {
			[]edit{{"order.go", `schema:"min=1,max=1000"`, `schema:"min=1,max=2000"`}},
			"DispatchOrder.v1: /lines/*/quantity has another maximum: 2000, it was 1000",
		},
		"a version deleted": {
			[]edit{{"registry.go", "\t\told(OrderEvents, OrderPlaced.upcast),\n", ""}},
			"OrderPlaced.v1: the version is gone, but its records are in the log",
		},
		"a type moved to another topic": {
			[]edit{{"registry.go", "of[OrderDispatched](WarehouseEvents)", "of[OrderDispatched](OrderEvents)"}},
			"OrderDispatched.v1: moved from topic warehouse.events to order.events",
		},
		"a header required": {
			[]edit{{"internal/generate/headers.go", `"content-type",`, `"content-type", "traceparent",`}},
			"headers/event: /traceparent is required now",
		},
		"a golden sample rewritten": {
			[]edit{{"samples/OrderPlaced.v1.json", "alice", "bob"}},
			"OrderPlaced.v1: its golden sample changed",
		},
		"written in another order": {
			[]edit{{
				"order.go", "\tStep    string    `json:\"step\" schema:\"min=1\"`\n\tReason  Reason    `json:\"reason\"`",
				"\tReason  Reason    `json:\"reason\"`\n\tStep    string    `json:\"step\" schema:\"min=1\"`",
			}},
			"RejectOrder.v1: the published sample is written differently now",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t)
			apply(t, dir, c.edits...)
			for _, flags := range [][]string{{"-check"}, nil} {
				says := publish(t, dir, flags...)
				if !strings.Contains(says, c.want) || !strings.Contains(says, "say what is new in a new version") {
					t.Errorf("publish %v says\n%s\nwant %s", flags, says, c.want)
				}
			}
		})
	}
}

// An optional addition keeps its version, and once it is published it is there to stay. A new version is published by the
// same command.
func TestAdditionsArePublished(t *testing.T) {
	dir := copied(t)
	apply(t, dir,
		edit{"order.go", "type CancelOrder struct {\n\tOrderID uuid.UUID `json:\"order_id\"`", "type CancelOrder struct {\n\tOrderID uuid.UUID `json:\"order_id\"`\n\tWho     string    `json:\"who,omitempty\"`"},
		edit{"order.go", "// OrderCancelled answers", "// CancelOrderV2 is new.\ntype CancelOrderV2 struct {\n\tOrderID uuid.UUID `json:\"order_id\"`\n}\n\n// WireType is the name on the wire.\nfunc (CancelOrderV2) WireType() string { return \"CancelOrder.v2\" }\n\n// Subject is the order.\nfunc (m CancelOrderV2) Subject() uuid.UUID { return m.OrderID }\n\n// OrderCancelled answers"},
		edit{"registry.go", "of[CancelOrder](OrderCommands),", "old(OrderCommands, func(c CancelOrder) CancelOrderV2 { return CancelOrderV2{c.OrderID} }),\n\t\tof[CancelOrderV2](OrderCommands),"},
		edit{"samples/CancelOrder.v2.json", "", `{"order_id":"0199b1de-7c1e-7aaa-8bbb-0123456789ab"}` + "\n"},
	)
	says := publish(t, dir, "-check")
	for _, wireType := range []string{"CancelOrder.v1", "CancelOrder.v2"} {
		if !strings.Contains(says, wireType+": is new, or has additions, and is not frozen yet: run `go run ./cmd/publish`") {
			t.Errorf("nothing of %s: %s", wireType, says)
		}
	}
	if strings.Count(says, "not frozen yet") != 2 {
		t.Errorf("and more: %s", says)
	}
	if says := publish(t, dir); says != "" {
		t.Fatal(says)
	}
	if says := publish(t, dir, "-check"); says != "" {
		t.Fatal(says)
	}
	apply(t, dir, edit{"order.go", "\n\tWho     string    `json:\"who,omitempty\"`", ""})
	if says := publish(t, dir, "-check"); !strings.Contains(says, "CancelOrder.v1: /who is no longer there") {
		t.Errorf("a published addition can be taken back: %s", says)
	}
}
