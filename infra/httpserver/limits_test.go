package httpserver_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/httpserver"
)

// Beyond its bound a server works on nothing more, says so at once, and works again when there is room.
func TestTooManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}), make(chan struct{})
	_, url, _ := serve(t, io.Discard, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			inside <- struct{}{}
			<-leave
		}
	}), func(c *httpserver.Config) { c.Requests = 2 })
	var slow sync.WaitGroup
	for range 2 {
		slow.Go(func() {
			resp, err := http.Get(url + "/slow") //nolint:noctx // it ends with the test
			if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
				t.Errorf("%v, %v", resp, err)
			}
		})
		<-inside
	}
	resp, body := do(t, http.MethodPost, url+"/quick", "x")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	require.Contains(t, body, "/problems/overloaded")
	close(leave)
	slow.Wait()
	resp, _ = do(t, http.MethodGet, url+"/quick", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
}
