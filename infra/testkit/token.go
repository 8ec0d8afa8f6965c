package testkit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer and Audience of the tokens: the defaults of every program.
const (
	Issuer   = "https://ordersaga.internal"
	Audience = "ordersaga"
)

const keyID = "testkit"

var signingKey = sync.OnceValue(func() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the system has no random numbers
	}
	return key
})

// Token returns a JWT (EdDSA) of a subject with roles, good for an hour with the key of JWKS.
func Token(t testing.TB, subject string, roles ...string) string {
	t.Helper()
	now := time.Now()
	return TokenWith(t, jwt.MapClaims{
		"iss": Issuer, "aud": Audience, "sub": subject, "roles": roles,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
}

// TokenWith returns a JWT with exactly these claims, for tokens that are wrong in some way.
func TokenWith(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = keyID
	signed, err := token.SignedString(signingKey())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// JWKS returns the path of a file with the public key that Token's tokens verify with.
func JWKS(t testing.TB) string {
	t.Helper()
	public, ok := signingKey().Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("an Ed25519 key without public half")
	}
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": keyID,
		"x": base64.RawURLEncoding.EncodeToString(public),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, set, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
