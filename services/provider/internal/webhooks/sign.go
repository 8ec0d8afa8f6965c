package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader carries the signature of a webhook.
const SignatureHeader = "Webhook-Signature"

// Sign returns "t=<seconds>,v1=<hex>,v1=<hex>": of each secret, HMAC-SHA256 over "<seconds>.<body>". It is the scheme that
// Stripe documents, so that receivers have libraries for it.
func Sign(secrets []string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	var out strings.Builder
	out.WriteString("t=" + seconds)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(seconds + "."))
		mac.Write(body)
		out.WriteString(",v1=" + hex.EncodeToString(mac.Sum(nil)))
	}
	return out.String()
}
