package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/admin"
	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// port is an admin port before an archive that the test filled.
type port struct {
	*testing.T

	url, token string
	db         *testkit.DB
	streams    map[store.Place]*store.Stream
}

func newPort(t *testing.T) *port {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	p := &port{T: t, db: testkit.Postgres(t, testkit.Migration{Table: migrations.Table, FS: migrations.FS}), token: testkit.Token(t, "olga", "operator")}
	routes, err := admin.New(admin.Deps{DB: p.db.Pool, Log: log}).Routes()
	require.NoError(t, err)
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{
		JWKS: testkit.JWKS(t), Issuer: testkit.Issuer, Audience: testkit.Audience, Log: log,
	})
	require.NoError(t, err)
	server := httptest.NewServer(httpserver.Admin(httpserver.AdminConfig{
		Telemetry: telemetry.Telemetry{Log: log, Registry: prometheus.NewRegistry()}, Auth: auth, Routes: routes,
	}))
	t.Cleanup(server.Close)
	p.url = server.URL

	var places []store.Place
	for _, topic := range []string{"order.commands", "order.events"} {
		for partition := range int32(2) {
			places = append(places, store.Place{Topic: topic, Partition: partition})
		}
	}
	p.streams, err = store.Take(t.Context(), p.db.Pool, "me", places, func(missing []store.Place) (out []*store.Stream, _ error) {
		for _, at := range missing {
			out = append(out, &store.Stream{Place: at, TopicID: uuid.New(), Owner: "me"})
		}
		return out, nil
	})
	require.NoError(t, err)
	return p
}

// add archives records of one partition. What a record lacks is left out: its offset is the next.
func (p *port) add(topic string, partition int32, records ...chain.Record) {
	p.Helper()
	s := p.streams[store.Place{Topic: topic, Partition: partition}]
	to := *s
	var rows []store.Row
	for _, r := range records {
		headers, err := chain.Headers(r.Headers)
		require.NoError(p, err)
		r.Offset = to.Next
		require.NoError(p, store.MakeDays(p.Context(), p.db.Pool, []time.Time{store.Day(r.AppendedAt)}))
		rows = append(rows, store.Row{Stream: s.ID, Record: r, Type: store.TypeOf(headers)})
		to.Next, to.Records = to.Next+1, to.Records+1
	}
	require.NoError(p, store.Save(p.Context(), p.db.Pool, "me", &store.Batch{Moves: []store.Move{{From: s, To: to}}, Rows: rows}))
	*s = to
}

func record(at time.Time, key, kind string) chain.Record {
	return chain.Record{
		AppendedAt: at, Key: []byte(key), Value: []byte(`{"a":1}`),
		Headers: chain.AppendHeaders(nil, []kgo.RecordHeader{{Key: "ce_type", Value: []byte(kind)}}),
	}
}

type bytesOf struct {
	Text   *string
	Base64 *[]byte
}

type item struct {
	Topic      string
	TopicID    uuid.UUID `json:"topic_id"`
	Partition  int
	Offset     int64
	AppendedAt time.Time `json:"appended_at"`
	Type       *string
	Key, Value *bytesOf
	Headers    []struct {
		Key       string
		KeyBase64 *[]byte `json:"key_base64"`
		Value     *bytesOf
	}
}

type page struct {
	Items      []item
	NextCursor *string `json:"next_cursor"`
}

func (p *port) get(path string, query url.Values, out any) int {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.url+"/admin/v1/archive"+path+"?"+query.Encode(), nil)
	require.NoError(p, err)
	r.Header.Set("Authorization", "Bearer "+p.token)
	res, err := http.DefaultClient.Do(r)
	require.NoError(p, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p, err)
	if res.StatusCode == http.StatusOK {
		require.NoError(p, json.Unmarshal(body, out), string(body))
	}
	return res.StatusCode
}

// all walks through every page of so many and returns "topic/partition/offset" of each record.
func (p *port) all(path string, query url.Values, limit int) (out []string) {
	p.Helper()
	query.Set("limit", fmt.Sprint(limit))
	for {
		var got page
		require.Equal(p, http.StatusOK, p.get(path, query, &got), query)
		require.LessOrEqual(p, len(got.Items), limit)
		for _, i := range got.Items {
			out = append(out, fmt.Sprintf("%s/%d/%d", i.Topic, i.Partition, i.Offset))
		}
		if got.NextCursor == nil {
			return out
		}
		require.NotEmpty(p, got.Items)
		query.Set("cursor", *got.NextCursor)
	}
}

func TestRecordsAreFoundInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	p.add("order.events", 0, record(noon, "a", "OrderPlaced.v1"), record(noon.Add(2*day), "a", "OrderCompleted.v1"))
	p.add("order.events", 1, record(noon.Add(time.Second), "b", "OrderPlaced.v1"), record(noon.Add(2*day), "b", "OrderRejected.v1"))
	p.add("order.commands", 0, record(noon.Add(day), "a", "CompleteOrder.v1"), record(noon.Add(day), "a", "CompleteOrder.v1"))
	for name, tt := range map[string]struct {
		query url.Values
		want  []string
	}{
		"everything": {url.Values{}, []string{"order.events/0/0", "order.events/1/0", "order.commands/0/0", "order.commands/0/1", "order.events/0/1", "order.events/1/1"}},
		"an order":   {url.Values{"key": {"a"}}, []string{"order.events/0/0", "order.commands/0/0", "order.commands/0/1", "order.events/0/1"}},
		"a type":     {url.Values{"type": {"OrderPlaced.v1"}}, []string{"order.events/0/0", "order.events/1/0"}},
		"a topic":    {url.Values{"topic": {"order.commands"}}, []string{"order.commands/0/0", "order.commands/0/1"}},
		"a time": {url.Values{"from": {noon.Add(time.Second).Format(time.RFC3339)}, "to": {noon.Add(2 * day).Format(time.RFC3339)}},
			[]string{"order.events/1/0", "order.commands/0/0", "order.commands/0/1"}},
		"all of it": {url.Values{"key": {"a"}, "type": {"OrderPlaced.v1"}, "topic": {"order.events"}, "to": {noon.Add(day).Format(time.RFC3339)}},
			[]string{"order.events/0/0"}},
		"no such topic": {url.Values{"topic": {"x"}}, nil},
		"no such order": {url.Values{"key": {"ü"}}, nil},
	} {
		for _, limit := range []int{1, 2, 100} {
			t.Run(fmt.Sprint(name, " by ", limit), func(t *testing.T) {
				t.Parallel()
				query := url.Values{}
				for k, v := range tt.query {
					query[k] = v
				}
				p := *p
				p.T = t
				require.Equal(t, tt.want, p.all("/records", query, limit))
			})
		}
	}
}

func TestALogIsReadInItsOrder(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p.add("order.events", 1, record(noon.AddDate(0, 0, 1), "a", "x"), record(noon, "a", "x"), record(noon.AddDate(0, 0, 2), "a", "x"))
	for _, limit := range []int{1, 2, 3, 100} {
		require.Equal(t, []string{"order.events/1/0", "order.events/1/1", "order.events/1/2"}, p.all("/logs/order.events/1", url.Values{}, limit))
	}
	require.Empty(t, p.all("/logs/order.events/0", url.Values{}, 10))
	require.Empty(t, p.all("/logs/other/7", url.Values{}, 10))

	// The same offsets again, in a stream that an operator began.
	at := store.Place{Topic: "order.events", Partition: 1}
	require.NoError(t, store.Resume(t.Context(), p.db.Pool, &store.Stream{Place: at, TopicID: uuid.New(), Owner: "me", Reason: "made again"}))
	taken, err := store.Take(t.Context(), p.db.Pool, "me", []store.Place{at}, nil)
	require.NoError(t, err)
	p.streams[at] = taken[at]
	p.add("order.events", 1, record(noon, "b", "x"))
	for _, limit := range []int{1, 2, 3, 100} {
		require.Equal(t, []string{"order.events/1/0", "order.events/1/1", "order.events/1/2", "order.events/1/0"}, p.all("/logs/order.events/1", url.Values{}, limit))
	}
	var streams struct {
		Items []struct {
			Topic, Chain  string
			Next, Records int64
			Reason        *string
		}
	}
	require.Equal(t, http.StatusOK, p.get("/streams", nil, &streams))
	require.Len(t, streams.Items, 5)
	require.Equal(t, "made again", *streams.Items[4].Reason)
	require.EqualValues(t, 1, streams.Items[4].Next)
	require.Len(t, streams.Items[4].Chain, 64)
}

func TestBytesAreToldAsTheyAre(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC)
	p.add("order.events", 0,
		chain.Record{AppendedAt: noon, Headers: chain.AppendHeaders(nil, nil)},
		chain.Record{AppendedAt: noon, Key: []byte{}, Value: []byte("<ü>\x00"), Headers: chain.AppendHeaders(nil, []kgo.RecordHeader{
			{Key: "n"}, {Key: "n", Value: []byte{}}, {Key: "\xff", Value: []byte{0xff, 0}},
		})})
	var got page
	require.Equal(t, http.StatusOK, p.get("/records", nil, &got))
	require.Len(t, got.Items, 2)
	first, second := got.Items[0], got.Items[1]
	require.Nil(t, first.Key)
	require.Nil(t, first.Value)
	require.Nil(t, first.Type)
	require.Empty(t, first.Headers)
	require.Equal(t, noon, first.AppendedAt)
	require.Equal(t, p.streams[store.Place{Topic: "order.events"}].TopicID, first.TopicID)
	require.Empty(t, *second.Key.Text)
	require.Equal(t, "<ü>\x00", *second.Value.Text)
	require.Nil(t, second.Headers[0].Value)
	require.Empty(t, *second.Headers[1].Value.Text)
	require.Equal(t, []byte{0xff}, *second.Headers[2].KeyBase64)
	require.Equal(t, []byte{0xff, 0}, *second.Headers[2].Value.Base64)
}

func TestBigRecordsMakeShortPages(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	big := record(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), "a", "x")
	big.Value = make([]byte, 5<<20)
	p.add("order.events", 0, big, big, big)
	var got page
	require.Equal(t, http.StatusOK, p.get("/records", nil, &got))
	require.Len(t, got.Items, 2)
	require.NotNil(t, got.NextCursor)
}

// Whatever the document allows is a question, if a strange one.
func TestStrangeQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p.add("order.events", 0, record(noon, "a", "x"))
	for query, want := range map[string]int{
		"cursor=" + strings.Repeat("_", 24): 1, "cursor=" + strings.Repeat("A", 24): 1, "cursor=f" + strings.Repeat("_", 23): 0,
		"from=0000-01-01T00:00:00Z": 1, "to=0000-01-01T00:00:00Z": 0, "to=9999-12-31T23:59:59Z": 1, "from=9999-12-31T23:59:59Z": 0,
		"type=%27%3B DROP TABLE record%3B --": 0, "key=%27%5C": 0, "topic=%ff": 0, "key=%ff": 0,
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		var got page
		status := p.get("/records", values, &got)
		require.Equal(t, http.StatusOK, status, query)
		require.Len(t, got.Items, want, query)
		if strings.HasPrefix(query, "cursor") {
			require.Equal(t, http.StatusOK, p.get("/logs/order.events/0", values, &got), query)
		}
	}
}

func TestWhatIsNoQueryIsRefused(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	for _, query := range []url.Values{
		{"limit": {"0"}}, {"limit": {"1001"}}, {"cursor": {"x"}}, {"from": {"yesterday"}}, {"type": {""}}, {"type": {"\xff"}},
	} {
		require.Equal(t, http.StatusBadRequest, p.get("/records", query, nil), query)
	}
	require.Equal(t, http.StatusBadRequest, p.get("/logs/order.events/-1", nil, nil))
	require.Equal(t, http.StatusNotFound, p.get("/nothing", nil, nil))
	p.token = "no"
	require.Equal(t, http.StatusUnauthorized, p.get("/records", nil, nil))
}
