package versions

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

const orders = 60

// One replica of the order service publishes OrderPlaced.v1, the other v2 with shipping, into one topic: every order ends as
// it must, by the checker, which has its own decoder. A consumer that has only the first versions' schemas follows all of
// them on the compatibility topic. Then every consumer reads both versions again from the start, and nothing is sent.
func TestOldAndNewInOneTopic(t *testing.T) {
	until := "ORDER_EVENTS_V1_UNTIL=" + time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	s := begin(t, 2, map[string][]string{
		"order-1": {"ORDER_PLACED_VERSION=1", until},
		"order-2": {"ORDER_PLACED_VERSION=2", "SHIPPING_FEE=490", until},
	})
	placed := place(t, s)
	live, err := read.Open(t.Context(), s.Addresses())
	require.NoError(t, err)
	defer live.Close()
	task := read.Task{Wait: time.Minute, Tell: func(s string) { t.Log(s) }}
	task.Digest = true
	task.Inputs.Goods, err = s.Addresses().Goods()
	require.NoError(t, err)
	for _, id := range placed {
		task.Inputs.Accepted = append(task.Inputs.Accepted, check.ID(id))
	}
	before, _, err := live.Judge(t.Context(), task)
	require.NoError(t, err)
	require.Empty(t, before.Violations)
	require.Empty(t, before.Excused)
	require.Equal(t, orders, before.Outcomes["completed"]+before.Outcomes["rejected"]+before.Outcomes["cancelled"], "%v", before.Outcomes)
	require.Positive(t, before.Outcomes["completed"])
	require.Positive(t, before.Outcomes["rejected"])

	both := logOf(t, s, contracts.OrderEvents)
	require.Equal(t, orders/2, both.types["OrderPlaced.v1"])
	require.Equal(t, orders/2, both.types["OrderPlaced.v2"])
	copies := logOf(t, s, contracts.OrderEventsV1)
	require.Equal(t, both.ids, copies.ids, "the copies are the same messages in the same order")
	require.Equal(t, orders, copies.types["OrderPlaced.v1"])
	firstVersionsOnly(t, copies)
	t.Logf("%v; %v on %s, %v on %s", before.Outcomes, both.types, contracts.OrderEvents, copies.types, contracts.OrderEventsV1)

	for _, database := range []string{"orders", "payments", "warehouse", "processmanager"} {
		execute(t, s, database, "UPDATE positions SET next = 0, owner = ''")
	}
	task.Baseline = before.Baseline
	after, _, err := live.Judge(t.Context(), task)
	require.NoError(t, err)
	require.Empty(t, after.Violations)
	require.Equal(t, before.Outcomes, after.Outcomes)
}

// begin starts a stack that ends with the test. settings are those of single programs.
func begin(t *testing.T, replicas int, settings map[string][]string) *stack.Stack {
	t.Helper()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	broker, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{})
	require.NoError(t, err)
	t.Cleanup(broker.Stop)
	s, err := stack.Up(t.Context(), stack.Config{
		Root: root, Dir: t.TempDir(), Kafka: broker.Addr, Postgres: "embedded", Replicas: replicas, Out: t.Output(),
		EnvOf: settings,
	})
	require.NoError(t, err)
	t.Cleanup(s.Down)
	require.NoError(t, load.Seed(t.Context(), s))
	return s
}

// place places orders of every kind, by turns through either replica, and waits until each has ended.
func place(t *testing.T, s *stack.Stack) (placed []uuid.UUID) {
	t.Helper()
	ends := load.NewEnds()
	_, err := load.Tap(t.Context(), s.Brokers, []string{contracts.OrderEvents}, true, ends.See)
	require.NoError(t, err)
	token, err := s.Keys.Token("alice", "customer", time.Hour)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range orders {
		replica := load.NewClient(s.APIs("order")[i%2:i%2+1], token)
		o, cancel := load.Standard(random)
		if i%10 > 7 { // of each version
			o.PaymentMethod = "pm_declined"
		}
		id, err := replica.Place(t.Context(), "", o)
		require.NoError(t, err)
		placed = append(placed, id)
		if cancel {
			_ = replica.Cancel(t.Context(), id) // it may have ended already
		}
	}
	testkit.Eventually(t, func() bool { return ends.Len() == orders }, "every order has ended")
	return placed
}

// log is what a topic holds: of each order the ids in their order, and how many of each type.
type log struct {
	records []*kgo.Record
	ids     map[string][]string
	types   map[string]int
}

func logOf(t *testing.T, s *stack.Stack, topic string) log {
	t.Helper()
	l := log{ids: map[string][]string{}, types: map[string]int{}}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.Brokers, ",")...), kgo.ConsumeTopics(topic))
	require.NoError(t, err)
	defer cl.Close()
	ended := 0
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ended < orders {
		fetches := cl.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "%d orders ended on %s", ended, topic)
		fetches.EachRecord(func(r *kgo.Record) {
			l.records = append(l.records, r)
			l.ids[string(r.Key)] = append(l.ids[string(r.Key)], load.Header(r, "ce_sequence")+" "+load.Header(r, "ce_id"))
			l.types[load.Header(r, "ce_type")]++
			if slices.Contains([]string{"OrderCompleted", "OrderRejected", "OrderCancelled"}, load.Name(r)) {
				ended++
			}
		})
	}
	return l
}

// firstVersionsOnly is a consumer that knows no version 2: it has the schemas that were published before.
func firstVersionsOnly(t *testing.T, l log) {
	t.Helper()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	schemas := map[string]*jsonschema.Schema{}
	for wireType := range l.types {
		require.True(t, strings.HasSuffix(wireType, ".v1"), wireType)
		schemas[wireType], err = jsonschema.NewCompiler().Compile(filepath.Join(root, "contracts", "published", wireType, "schema.json"))
		require.NoError(t, err)
	}
	for _, r := range l.records {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(r.Value)))
		require.NoError(t, err)
		require.NoError(t, schemas[load.Header(r, "ce_type")].Validate(value), "%s", r.Value)
	}
}
