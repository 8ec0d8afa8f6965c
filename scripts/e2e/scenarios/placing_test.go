package scenarios

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
)

func one(sku string) load.Order {
	return load.Order{Lines: []load.Line{{SKU: sku, Quantity: 1}}, PaymentMethod: "pm_ok", ShipTo: "addr-1"}
}

// post places an order and returns the whole answer.
func post(t *testing.T, c *load.Client, key string, body any) (id uuid.UUID, answer string, err error) {
	t.Helper()
	var raw json.RawMessage
	_, err = c.Do(t.Context(), http.MethodPost, "/v1/orders", key, body, &raw)
	if err != nil {
		return id, "", err
	}
	var o struct {
		ID uuid.UUID `json:"order_id"`
	}
	err = json.Unmarshal(raw, &o)
	return o.ID, string(raw), err
}

// abandon sends a request for an order, and hangs up before its answer, once the order is stored.
func abandon(t *testing.T, key string, body any) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.APIs("order")[0])
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /v1/orders HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", w.Customer.Token, key, len(raw), raw)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return stored(t, key) == 1 }, "the order is stored")
	require.NoError(t, conn.Close())
}

// stored counts the orders of a key.
func stored(t *testing.T, key string) int {
	t.Helper()
	return w.Count(t, "orders", "SELECT count(*) FROM orders WHERE idempotency_key = $1", key)
}

// Scenario 1: 50 at once, and after a lost response.
func TestOneKeyIsOneOrder(t *testing.T) {
	defer w.holds(t)
	lost := uuid.NewString()
	abandon(t, lost, one("SKU-0100"))
	for _, key := range []string{uuid.NewString(), lost} {
		ids, answers := make([]uuid.UUID, 50), make([]string, 50)
		var all errgroup.Group
		for i := range ids {
			all.Go(func() (err error) {
				ids[i], answers[i], err = post(t, w.Customer, key, one("SKU-0100"))
				return err
			})
		}
		require.NoError(t, all.Wait())
		for i := range ids {
			require.Equal(t, ids[0], ids[i])
			require.Equal(t, answers[0], answers[i])
		}
		w.Placed = append(w.Placed, ids[0])
		require.Equal(t, 1, stored(t, key))
		w.Hears(t, ids[0], "OrderCompleted", 1)
		require.Equal(t, []string{"OrderPlaced", "OrderCompleted"}, w.messages(ids[0], "/services/order"))
	}
}

// Scenario 2.
func TestAKeyIsOfOneBodyAndOneCustomer(t *testing.T) {
	defer w.holds(t)
	key := uuid.NewString()
	body := `{"lines":[{"sku":"SKU-0101","quantity":1}],"payment_method":"pm_ok","ship_to":"addr-1"}`
	id, answer, err := post(t, w.Customer, key, json.RawMessage(body))
	require.NoError(t, err)
	for _, other := range []string{
		`{"lines":[{"sku":"SKU-0101","quantity":1.0}],"payment_method":"pm_ok","ship_to":"addr-1"}`,
		`{"lines":[{"sku":"SKU-0101","quantity":2}],"payment_method":"pm_ok","ship_to":"addr-1"}`,
	} {
		_, _, err := post(t, w.Customer, key, json.RawMessage(other))
		require.Equal(t, http.StatusUnprocessableEntity, status(err), "%v", err)
	}
	another, _, err := post(t, w.Other, key, json.RawMessage(body))
	require.NoError(t, err)
	require.NotEqual(t, id, another)
	again, same, err := post(t, w.Customer, key, json.RawMessage(body))
	require.NoError(t, err)
	require.Equal(t, id, again)
	require.Equal(t, answer, same)
	require.Equal(t, 2, stored(t, key))
	w.Placed = append(w.Placed, id, another)
	w.Hears(t, id, "OrderCompleted", 1)
	w.Hears(t, another, "OrderCompleted", 1)
}

// Scenario 3: the order is committed, its answer is lost on the way from the database, and the service dies before it can
// find out.
func TestKilledBetweenCommitAndResponse(t *testing.T) {
	defer w.holds(t)
	service := w.Program(t, "order")
	link := w.Net.Postgres(service.Name())
	hit := false
	for range 10 { // the next COMMIT may be the relay's
		key := uuid.NewString()
		before := link.Seen().Lost
		link.LoseCommits(1)
		answered := make(chan error, 1)
		go func() {
			_, _, err := post(t, w.Customer, key, one("SKU-0102"))
			answered <- err
		}()
		testkit.Eventually(t, func() bool { return link.Seen().Lost > before }, "the answer to a COMMIT is lost")
		link.Cut(true) // it must not ask again
		hit = stored(t, key) == 1
		kill(t, service)
		err := <-answered
		link.Heal()
		start(t, service)
		id, first, retry := post(t, w.Customer, key, one("SKU-0102"))
		require.NoError(t, retry)
		w.Placed = append(w.Placed, id)
		_, second, retry := post(t, w.Customer, key, one("SKU-0102"))
		require.NoError(t, retry)
		require.Equal(t, first, second)
		require.Equal(t, 1, stored(t, key))
		w.Hears(t, id, "OrderCompleted", 1)
		require.Equal(t, []string{"OrderPlaced", "OrderCompleted"}, w.messages(id, "/services/order"))
		if hit = hit && err != nil && status(err) == 0; hit {
			break
		}
	}
	require.True(t, hit, "it was never killed between the order's COMMIT and its answer")
}
