package tap

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestParseFrom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]From{
		"begin": {}, "end": {End: true}, "42": {Offset: 42}, "0": {}, "-5m": {Time: now.Add(-5 * time.Minute)},
		"2026-11-25T11:00:00Z": {Time: now.Add(-time.Hour)},
	} {
		got, err := ParseFrom(text, now)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "tomorrow", "-5", "5m"} {
		_, err := ParseFrom(text, now)
		require.ErrorContains(t, err, "a time ago such as -5m", text)
	}
}

func TestReadFindsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		b.Topics(t, contracts.Partitions, contracts.OrderEvents, contracts.OrderCommands)
		broker := Broker{Addrs: b.Addrs, Prefix: b.Prefix}
		cl := b.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		mine, other := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		for _, r := range []struct {
			order       uuid.UUID
			topic, kind string
		}{
			{other, contracts.OrderEvents, "OrderPlaced.v1"}, {mine, contracts.OrderEvents, "OrderPlaced.v1"},
			{mine, contracts.OrderCommands, "CompleteOrder.v1"}, {mine, contracts.OrderEvents, "OrderCompleted.v1"},
			{mine, contracts.OrderEvents, "OrderPlaced.v7"},
		} {
			require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{
				Topic: b.Prefix + r.topic, Key: []byte(r.order.String()), Partition: PartitionOf(r.order), Value: []byte(`{}`),
				Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte(r.kind)}},
			}).FirstErr())
		}
		read := func(q Query) (types []string) {
			t.Helper()
			_, err := Read(t.Context(), broker, q, func(r Record) error {
				require.Equal(t, r.Type() == "OrderPlaced.v7", r.Body == nil)
				types = append(types, r.Type())
				return nil
			})
			require.NoError(t, err)
			return types
		}
		both := []string{contracts.OrderEvents, contracts.OrderCommands}
		require.Len(t, read(Query{Topics: both}), 5)
		require.Equal(t, []string{"OrderPlaced.v1", "OrderCompleted.v1", "OrderPlaced.v7"}, read(Query{Topics: both[:1], Order: mine}))
		require.Equal(t, []string{"OrderPlaced.v1", "OrderPlaced.v7"}, read(Query{Topics: both, Order: mine, Type: "OrderPlaced"}))
		require.Equal(t, []string{"OrderPlaced.v1"}, read(Query{Topics: both, Order: mine, Type: "OrderPlaced.v1"}))
		require.Len(t, read(Query{Topics: both, Limit: 2}), 2)
		require.Empty(t, read(Query{Topics: both, From: From{End: true}}))
		require.Empty(t, read(Query{Topics: both, From: From{Time: time.Now().Add(time.Hour)}}))
		require.Len(t, read(Query{Topics: both, From: From{Time: time.Now().Add(-time.Hour)}}), 5)
		require.Empty(t, read(Query{Topics: both, From: From{Offset: 99}}))

		_, err := Read(t.Context(), broker, Query{Topics: []string{"nothing"}}, nil)
		require.ErrorIs(t, err, program.ErrUsage)
		require.ErrorContains(t, err, b.Prefix+contracts.OrderEvents)
	})
}
