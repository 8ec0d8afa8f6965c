package admission

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/infra/httpserver"
)

// refuse answers 503. How long to wait is spread, so that those who were refused together do not come back together.
func (a *Admission) refuse(w http.ResponseWriter, r *http.Request, why Reason) {
	a.shed.WithLabelValues(string(why)).Inc()
	if route := chi.RouteContext(r.Context()); route != nil {
		route.RoutePatterns = append(route.RoutePatterns, r.URL.Path) // for the metrics: no router saw it
	}
	wait, detail := 1+rand.N(3), ""
	switch why {
	case Rate:
		detail = fmt.Sprintf("More orders come than are taken: %g a second.", a.bucket.rate)
	case Concurrent:
		detail = fmt.Sprintf("%d orders are being placed at this moment.", cap(a.slots))
	case Outbox:
		wait, detail = 5+rand.N(6), "Too many messages wait for the broker."
	case Unfinished:
		wait, detail = 5+rand.N(6), "Too many orders that were accepted have not ended."
	}
	w.Header().Set("Retry-After", strconv.Itoa(wait))
	detail += " Nothing was stored: repeat the request, with the same key."
	httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusServiceUnavailable, "overloaded", detail))
}
