package adminapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/program"
)

// program that answers as its script says, and remembers the keys of wishes.
type scripted struct {
	mu      sync.Mutex
	answers []http.HandlerFunc
	keys    []string
	bodies  []string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ Reason string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.keys, s.bodies = append(s.keys, r.Header.Get("Idempotency-Key")), append(s.bodies, body.Reason)
	answer := s.answers[0]
	s.answers = s.answers[1:]
	answer(w, r)
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func serve(t *testing.T, answers ...http.HandlerFunc) (Client, *scripted) {
	t.Helper()
	s := &scripted{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return Client{Program: "payment", Addr: server.URL, Token: "t", Flag: "--payment-admin"}, s
}

const problem = `{"type":"/problems/x","title":"A title","status":0,"detail":"a detail","errors":[{"pointer":"/step","detail":"no such step"}]}`

// A wish whose answer is lost is repeated under the same key: it has one effect.
func TestAWishIsRepeatedUnderItsKey(t *testing.T) {
	t.Parallel()
	c, s := serve(t, cut, says(503, problem), says(200, `{"state":"unwinding"}`))
	var out struct{ State string }
	require.NoError(t, c.Wish(t.Context(), "/admin/v1/x", map[string]string{"reason": "why"}, &out))
	require.Equal(t, "unwinding", out.State)
	require.Len(t, s.keys, 3)
	require.NotEmpty(t, s.keys[0])
	require.Equal(t, []string{s.keys[0], s.keys[0], s.keys[0]}, s.keys)
	require.Equal(t, []string{"why", "why", "why"}, s.bodies)

	other, o := serve(t, says(200, `{}`))
	require.NoError(t, other.Wish(t.Context(), "/", nil, nil))
	require.NotEqual(t, s.keys[0], o.keys[0])
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer http.HandlerFunc
		is     error
		says   string
	}{
		{says(401, problem), program.ErrUsage, "give --token or ORDERCTL_TOKEN"},
		{says(403, problem), program.ErrUsage, "payment: the token lacks the role operator"},
		{says(404, problem), ErrNotFound, "not found: payment: a detail"},
		{says(422, problem), program.ErrUsage, "payment: a detail; /step: no such step"},
		{says(409, problem), nil, "payment: A title: a detail"},
		{says(404, `404 page not found`), nil, "--payment-admin is not an address of it"},
		{says(200, `<html>`), nil, "is it of the same release?"},
	} {
		client, _ := serve(t, c.answer)
		err := client.Get(t.Context(), "/", &struct{}{})
		require.ErrorContains(t, err, c.says)
		if c.is != nil {
			require.ErrorIs(t, err, c.is)
		}
	}
	client, _ := serve(t, cut, cut, cut)
	err := client.Get(t.Context(), "/", nil)
	require.ErrorIs(t, err, program.ErrNotReachable)
	require.ErrorContains(t, err, "is --payment-admin right?")
}
