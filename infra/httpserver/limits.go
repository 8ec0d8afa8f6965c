package httpserver

import (
	"fmt"
	"io"
	"net/http"
)

// DefaultBodyLimit is the most bytes that a request's body may have.
const DefaultBodyLimit = 1 << 20

// DefaultRequests is how many requests a server works on at once; one that waits for news of an order is one, too.
const DefaultRequests = 4096

// crowd lets so many requests in at once.
func crowd(most int, next http.Handler) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
		default:
			w.Header().Set("Retry-After", "2")
			WriteProblem(w, r, NewProblem(http.StatusServiceUnavailable, "overloaded", "Too many requests are being worked on."))
			return
		}
		defer func() { <-slots }()
		next.ServeHTTP(w, r)
	})
}

// limited remembers its limit, so that a length announced as larger is refused unread.
type limited struct {
	io.ReadCloser
	limit int64
}

func limitBody(w http.ResponseWriter, body io.ReadCloser, limit int64) *limited {
	return &limited{http.MaxBytesReader(w, body, limit), limit}
}

func tooLarge(limit int64) Problem {
	return NewProblem(http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("At most %d bytes are taken.", limit))
}

// MethodNotAllowed answers 405 with these methods as allowed, for routers.
func MethodNotAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if allow != "" {
			w.Header().Set("Allow", allow)
		}
		WriteProblem(w, r, NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", ""))
	}
}
