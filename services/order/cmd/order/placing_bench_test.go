package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"ordersaga.internal/infra/testkit"
)

// BenchmarkPlacing places orders of three lines from 128 customers at once; the client is part of what is measured.
func BenchmarkPlacing(b *testing.B) {
	s := newShop(b)
	r := s.start("1", func(c *config) { c.Outbox, c.Unfinished = 1_000_000, 1_000_000 })
	r.stock("mug", "jug", "pen")
	token := testkit.Token(b, "alice", "customer")
	const body = `{"lines":[{"sku":"mug","quantity":2},{"sku":"jug","quantity":1},{"sku":"pen","quantity":7}],"payment_method":"pm_ok","ship_to":"addr_home"}`
	var n atomic.Int64
	b.SetParallelism(64)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := r.place(token, fmt.Sprint("k", n.Add(1)), body); a.status != http.StatusAccepted {
				b.Errorf("%d %s", a.status, a.body)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
