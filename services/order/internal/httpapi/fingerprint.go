package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/services/order/internal/ordering"
)

// fingerprinted hands the SHA-256 of the raw body to PlaceOrder, which sees it decoded.
type fingerprinted struct{ ServerInterface }

type fingerprintKey struct{}

func (f fingerprinted) PlaceOrder(w http.ResponseWriter, r *http.Request, params PlaceOrderParams) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		httpserver.WriteError(w, r, err)
		return
	}
	ctx := context.WithValue(r.Context(), fingerprintKey{}, ordering.Fingerprint(sha256.Sum256(body)))
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.ServerInterface.PlaceOrder(w, r, params)
}

func fingerprint(ctx context.Context) ordering.Fingerprint {
	f, _ := ctx.Value(fingerprintKey{}).(ordering.Fingerprint)
	return f
}
