// Package webhook takes the provider's webhooks over HTTP: it checks who they are from, and hands on what they hint at.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrSignature is returned by Verify for a webhook that is not from the provider, or is too old to say so.
var ErrSignature = errors.New("webhook: the signature does not hold")

// Tolerance is how far a signature's time may be from ours: who copies a webhook can repeat it no later.
const Tolerance = 5 * time.Minute

const mostSignatures = 8 // looked at in a header: each costs a hash of the body

// Verify checks a header "t=<seconds>,v1=<hex>,…", the scheme that Stripe documents: one v1 has to be HMAC-SHA256 over
// "<seconds>.<body>" with one of the secrets, of which there are two while they change. Other schemes (v0) are left out.
func Verify(secrets []string, header string, body []byte, now time.Time) error {
	at, signatures := split(header)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || len(signatures) == 0 {
		return ErrSignature
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > Tolerance || off < -Tolerance {
		return ErrSignature
	}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(at + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, signature := range signatures {
			if hmac.Equal(signature, want) { // in constant time
				return nil
			}
		}
	}
	return ErrSignature
}

func split(header string) (at string, signatures [][]byte) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			at = value
		case "v1":
			if signature, err := hex.DecodeString(value); err == nil && len(signatures) < mostSignatures {
				signatures = append(signatures, signature)
			}
		}
	}
	return at, signatures
}
