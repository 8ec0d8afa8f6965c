package why

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/tap"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded is what Gather found of an order on a running system.
func recorded(t *testing.T, name string) *Evidence {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	var e Evidence
	require.NoError(t, json.Unmarshal(raw, &e))
	return &e
}

// Orders of every kind add up, and their timelines and answers are those of the golden files.
func TestOrdersAddUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"completed", "stuck", "waiting", "cancelled", "deadletter"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := recorded(t, name).Report()
			require.Empty(t, r.Findings)
			require.Empty(t, r.Notes)
			require.True(t, r.Known && r.AddsUp && r.Complete)
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			require.NoError(t, e.Encode(r))
			path := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(path, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

// without drops the messages of a type from what was read.
func without(e *Evidence, wireType string) {
	e.Messages = slices.DeleteFunc(e.Messages, func(m tap.Record) bool { return m.Type() == wireType })
}

// column changes a column of a service's own first row.
func column(e *Evidence, service, name string, value any) {
	e.Trails[service].Tables[0].Rows[0][name] = value
}

// operation changes a column of payment's operation: 0 is the authorization, 1 the capture.
func operation(e *Evidence, n int, name string, value any) {
	e.Trails[payment].Tables[0].Rows[n][name] = value
}

// Each contradiction is found, alone, and named.
func TestEveryContradictionIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from string
		change     func(e *Evidence)
		finds      []string
	}{
		{"an input that is on no log", "completed", func(e *Evidence) {
			*(*e.Instance.History)[0].Offset = 0
		}, []string{"the saga took OrderPlaced.v1 from PLACE, where there is no message of this order"}},
		{"an input that is another", "completed", func(e *Evidence) {
			(*e.Instance.History)[1].InputId = e.Order
			e.Messages = slices.Clone(e.Messages)
		}, []string{
			"the saga took StockReserved.v1 with id ORDER from PLACE, where there is another message (ID)",
			"the process manager has read StockReserved.v1 at PLACE, but its history does not know it",
		}},
		{"a command that was not sent", "completed", func(e *Evidence) { without(e, "DispatchOrder.v1") }, []string{
			"the saga sent DispatchOrder.v1, attempt 1, which is neither in Kafka nor in the outbox",
		}},
		{"an answer that was not sent", "waiting", func(e *Evidence) {
			*e.Instance.History = (*e.Instance.History)[:1]
			without(e, "StockReserved.v1")
			without(e, "AuthorizePayment.v1")
		}, []string{"warehouse answered stock with StockReserved.v1, which is neither in Kafka nor in the outbox"}},
		{"an event that was lost", "completed", func(e *Evidence) {
			h := *e.Instance.History
			*e.Instance.History = h[:len(h)-1]
		}, []string{"the process manager has read OrderCompleted.v1 at PLACE, but its history does not know it"}},
		{"a command that was lost", "completed", func(e *Evidence) {
			e.Trails[orders].Fence = nil
		}, []string{"order has read CompleteOrder.v1 at PLACE, but does not remember it"}},
		{"an attempt that was lost", "completed", func(e *Evidence) {
			for i := range e.Trails[orders].Fence {
				e.Trails[orders].Fence[i].Attempt = 0
			}
		}, []string{"order has read CompleteOrder.v1, attempt 1, but remembers attempt 0"}},
		{"two ends", "completed", func(e *Evidence) { column(e, orders, "status", "placed") }, []string{
			"the saga is completed, but for the order service the order is placed",
			"the order is placed, but the provider keeps 39.98 EUR of it, not 0.00 EUR",
		}},
		{"an end too early", "waiting", func(e *Evidence) { column(e, orders, "status", "rejected") }, []string{
			"for the order service the order is rejected, but the saga is running",
		}},
		{"a saga of nobody's order", "completed", func(e *Evidence) { e.Trails[orders].Tables[0].Rows = nil }, []string{
			"there is a saga of the order, but the order service has no such order",
		}},
		{"no parcel", "completed", func(e *Evidence) { column(e, warehouse, "state", "held") }, []string{
			"the order is completed, but the warehouse has dispatched nothing",
		}},
		{"stock that is held for ever", "cancelled", func(e *Evidence) { column(e, warehouse, "state", "held") }, []string{
			"the order is cancelled, but for the warehouse its stock is held",
		}},
		{"no capture", "completed", func(e *Evidence) { e.Trails[payment].Tables[0].Rows = e.Trails[payment].Tables[0].Rows[:1] }, []string{
			"the order is completed, but payment knows of no capture",
			"the parcel is dispatched, but payment has captured nothing",
			"the provider has a capture of 39.98 EUR, of which payment knows nothing",
		}},
		{"another amount", "completed", func(e *Evidence) { operation(e, 1, "done_minor", 1) }, []string{
			"for payment the capture is of 0.01 EUR, at the provider of 39.98 EUR",
		}},
		{"money that was kept", "cancelled", func(e *Evidence) {
			operation(e, 0, "state", "done")
		}, []string{"the order is cancelled, but for payment its authorization is done"}},
		{"money that was not taken", "completed", func(e *Evidence) { e.Ledger = e.Ledger[:1] }, []string{
			"for payment the capture is of 39.98 EUR, at the provider of 0.00 EUR",
			"the order is completed, but the provider keeps 0.00 EUR of it, not 39.98 EUR",
			"the order is completed, but the provider still holds 39.98 EUR",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := recorded(t, c.from)
			before, _ := e.Findings()
			require.Empty(t, before)
			c.change(e)
			got, _ := e.Findings()
			require.Equal(t, c.finds, plain(e, got))
		})
	}
}

// What was published while we asked is no longer shown as waiting. A higher attempt of a command that was published before is.
func TestWhatWasPublishedWaitsNoMore(t *testing.T) {
	t.Parallel()
	e := recorded(t, "waiting")
	last := e.Messages[len(e.Messages)-1]
	first, second := 1, 2
	e.Trails[managers].Outbox = []trail.OutboxRow{
		{Type: last.Type(), MessageId: last.ID(), Attempt: &first}, {Type: last.Type(), MessageId: last.ID(), Attempt: &second},
	}
	e.forgetPublished()
	require.Len(t, e.Trails[managers].Outbox, 1)
	require.Equal(t, 2, *e.Trails[managers].Outbox[0].Attempt)
}

// What Kafka no longer keeps cannot be judged, and is no contradiction.
func TestWhatIsGoneIsNoted(t *testing.T) {
	t.Parallel()
	e := recorded(t, "completed")
	e.Messages = nil
	for topic, span := range e.Log {
		e.Log[topic] = tap.Span{First: span.Next, Next: span.Next}
	}
	findings, notes := e.Findings()
	require.Empty(t, findings)
	require.Len(t, notes, 6+5+5, "inputs, commands, answers")
}

func TestTheAnswerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from string
		change     func(e *Evidence)
		answer     string
	}{
		{"the order's relay", "waiting", func(e *Evidence) {
			e.Instance, e.Messages = nil, nil
			e.Trails[orders].Outbox = []trail.OutboxRow{{Type: "OrderPlaced.v1", CreatedAt: e.ReadAt}}
		}, "It waits for the relay of order: OrderPlaced is in the outbox since MOMENT and not in Kafka; look at the program's log, and at Kafka."},
		{"the manager reads", "waiting", func(e *Evidence) {
			e.Instance, e.Trails[managers].Positions = nil, nil
		}, "It waits for processmanager to read OrderPlaced.v1 at PLACE: it has read the partition up to 0; does it run, and how far is it behind?"},
		{"the manager's relay", "waiting", func(e *Evidence) {
			e.Trails[managers].Outbox = []trail.OutboxRow{{Type: "AuthorizePayment.v1", MessageId: e.Instance.Outstanding.CommandId, CreatedAt: e.ReadAt}}
		}, "It waits for the relay of processmanager: AuthorizePayment is in the outbox since MOMENT and not in Kafka; look at the program's log, and at Kafka."},
		{"payment is away", "waiting", func(e *Evidence) { e.Trails[payment] = nil },
			"It waits for payment to take AuthorizePayment.v1 at PLACE; payment does not answer."},
		{"payment reads", "waiting", func(e *Evidence) { e.Trails[payment].Positions = nil },
			"It waits for payment to read AuthorizePayment.v1 at PLACE: it has read the partition up to 0; does it run, and how far is it behind?"},
		{"a storm", "waiting", func(e *Evidence) {
			e.Trails[payment].Tables = nil
			e.Storms = []manager.Storm{{Step: "authorize payment", BeganAt: e.ReadAt}}
		}, "It waits for the answer to authorize payment (attempt 1), which is sent again at MOMENT and given up at MOMENT." +
			" So do many others: a deadline storm of authorize payment is on since MOMENT, and none is undone for it (`orderctl saga storms --on`)."},
		{"not owed", "stuck", func(e *Evidence) {
			why := "late success"
			e.Instance.Stuck, e.Instance.Steps = &why, nil
		}, "It is stuck: late success. Look at `orderctl saga show ORDER`; `orderctl saga retry ORDER --reason …` sends the outstanding command again."},
		{"owed, and the others go on", "waiting", func(e *Evidence) {
			why := "compensation owed: capture payment (account_closed)"
			e.Instance.Stuck, e.Instance.Steps = &why, []manager.Step{{Step: "capture payment", Outcome: manager.Owed}}
			e.Trails[payment].Tables = nil
		}, "It is stuck: compensation owed: capture payment (account_closed). Its other compensations go on first." +
			" It waits for the answer to authorize payment (attempt 1), which is sent again at MOMENT and given up at MOMENT."},
		{"nobody knows it", "completed", func(e *Evidence) { *e = Evidence{Trails: map[string]*trail.Trail{}, ReadAt: time.Now()} }, "Nobody knows this order."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := recorded(t, c.from)
			c.change(e)
			require.Equal(t, []string{c.answer}, plain(e, []string{e.Answer()}))
		})
	}
}
