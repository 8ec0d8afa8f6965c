package stack

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer and Audience of the local stack's tokens.
const (
	Issuer   = "https://ordersaga.internal"
	Audience = "ordersaga"
	keyID    = "local"
)

// Keys sign the local stack's tokens. They are made once for each data folder and never leave it.
type Keys struct {
	private ed25519.PrivateKey
	JWKS    string // path of the public key set, which the services read
}

// OpenKeys reads the keys of a data folder, or makes them.
func OpenKeys(dir string) (*Keys, error) {
	k := &Keys{JWKS: filepath.Join(dir, "jwks.json")}
	path := filepath.Join(dir, "signing.pem")
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return k, k.make(path)
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("signing key: %s is no PEM file; delete it to get a new one", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key: %s holds a %T, not an Ed25519 key", path, key)
	}
	k.private = private
	return k, nil
}

func (k *Keys) make(path string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	k.private = private
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	jwks, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": keyID, "x": base64.RawURLEncoding.EncodeToString(public),
	}}})
	if err != nil {
		return fmt.Errorf("make a key set: %w", err)
	}
	if err := os.WriteFile(k.JWKS, jwks, 0o644); err != nil {
		return fmt.Errorf("keep the key set: %w", err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("keep the signing key: %w", err)
	}
	return nil
}

// Token returns a signed token for a subject in a role ("customer" or "operator"), valid for a while.
func (k *Keys) Token(subject, role string, valid time.Duration) (string, error) {
	return k.Sign(Claims(subject, valid, role))
}

// Claims of a good token; the services want every one of them.
func Claims(subject string, valid time.Duration, roles ...string) jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"iss": Issuer, "aud": Audience, "sub": subject, "roles": roles,
		"iat": now.Unix(), "nbf": now.Unix() - 5, "exp": now.Add(valid).Unix(),
	}
}

// Sign returns a token with these claims, which may be bad ones.
func (k *Keys) Sign(claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"] = keyID
	s, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return s, nil
}
