package sandbox_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/services/payment/internal/sandbox"
)

// BenchmarkHints is the price of reading a webhook of 300 entries, which is what 150 orders cause.
func BenchmarkHints(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"items":[`)
	for i := range 300 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"authorize_%d","at":"2026-01-02T03:04:05.123456Z","operation":"authorize","outcome":"succeeded","key":%q,`+
			`"reference":%q,"payment_method":"pm_ok","amount_minor":1999,"currency":"EUR"}`, i, uuid.NewString(), uuid.NewString())
	}
	body.WriteString("]}")
	read := sandbox.Webhooks().Hints
	b.SetBytes(int64(body.Len()))
	for b.Loop() {
		if got, err := read(body.Bytes()); err != nil || len(got) != 300 {
			b.Fatal(len(got), err)
		}
	}
}
