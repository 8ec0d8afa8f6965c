// Package admission decides whether an order that comes over HTTP is taken now. Past a limit the request is answered at once,
// before its body is read, with 503 and Retry-After: nothing of it was stored. What was accepted goes on undisturbed, and so
// does everything but placing. A request that repeats one which was accepted is no new work and is let in all the same.
package admission
