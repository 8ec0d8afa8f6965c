package httpserver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/testkit"
)

func newAuth(t testing.TB, jwks string) *httpserver.Auth {
	t.Helper()
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{
		JWKS: jwks, Issuer: testkit.Issuer, Audience: testkit.Audience,
	})
	require.NoError(t, err)
	return auth
}

// ask sends a request with an Authorization header through auth to a handler for operators.
func ask(t testing.TB, auth *httpserver.Auth, authorization string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(httpserver.ClaimsFrom(r.Context()).Subject))
	})
	auth.Middleware(httpserver.RequireRole("operator")(h)).ServeHTTP(w, r)
	return w.Result()
}

func TestTokensAndWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	auth := newAuth(t, testkit.JWKS(t))
	claims := func(change jwt.MapClaims) string {
		c := jwt.MapClaims{
			"iss": testkit.Issuer, "aud": testkit.Audience, "sub": "alice", "roles": []string{"operator"},
			"exp": time.Now().Add(time.Minute).Unix(),
		}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return "Bearer " + testkit.TokenWith(t, c)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "x"}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	symmetric, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "x"}).SignedString([]byte("guess"))
	require.NoError(t, err)
	good := claims(nil)
	for _, tt := range []struct {
		name, authorization string
		status              int
		code, detail        string
	}{
		{"operator", good, 200, "", ""},
		{"scheme in lower case", "bearer " + good[7:], 200, "", ""},
		{"another role", "Bearer " + testkit.Token(t, "bob", "customer"), 403, "forbidden", "One of these roles is needed: operator."},
		{"no token", "", 401, "missing-token", "Send Authorization: Bearer <token>."},
		{"basic", "Basic YTpi", 401, "missing-token", "Send Authorization: Bearer <token>."},
		{"rubbish", "Bearer a.b.c", 401, "invalid-token", "The token cannot be verified."},
		{"forged", good[:len(good)-6] + "AAAAAA", 401, "invalid-token", "The token cannot be verified."},
		{"alg none", "Bearer " + unsigned, 401, "invalid-token", "The token cannot be verified."},
		{"symmetric", "Bearer " + symmetric, 401, "invalid-token", "The token cannot be verified."},
		{"expired", claims(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}), 401, "invalid-token", "The token has expired."},
		{"not yet", claims(jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}), 401, "invalid-token", "The token is not valid yet."},
		{"no expiry", claims(jwt.MapClaims{"exp": nil}), 401, "invalid-token", "The token needs iss, aud, exp and sub."},
		{"no subject", claims(jwt.MapClaims{"sub": nil}), 401, "invalid-token", "The token needs iss, aud, exp and sub."},
		{"issuer", claims(jwt.MapClaims{"iss": "https://other"}), 401, "invalid-token", "The token is of another issuer."},
		{"audience", claims(jwt.MapClaims{"aud": "other"}), 401, "invalid-token", "The token is for another audience."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the second time from memory, or not at all
				resp := ask(t, auth, tt.authorization)
				require.Equal(t, tt.status, resp.StatusCode)
				if tt.status == http.StatusOK {
					continue
				}
				p := problem(t, resp)
				require.Equal(t, "/problems/"+tt.code, p.Type)
				require.Equal(t, tt.detail, p.Detail)
				require.Equal(t, tt.status == 401, resp.Header.Get("WWW-Authenticate") != "")
			}
		})
	}
}

func TestARememberedTokenStillExpires(t *testing.T) {
	t.Parallel()
	auth := newAuth(t, testkit.JWKS(t))
	// The leeway is 10 s: valid now, not in two seconds.
	token := testkit.TokenWith(t, jwt.MapClaims{
		"iss": testkit.Issuer, "aud": testkit.Audience, "sub": "a", "exp": time.Now().Unix() - 8,
	})
	_, err := auth.Verify(t.Context(), token)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { _, err := auth.Verify(t.Context(), token); return err != nil }, "the token expires")
}

func TestEveryKindOfKey(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	point, err := ecKey.PublicKey.Bytes()
	require.NoError(t, err)
	set := map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": "r", "alg": "RS256", "use": "sig", "n": b64(rsaKey.N.Bytes()), "e": b64(big.NewInt(int64(rsaKey.E)).Bytes())},
		{"kty": "EC", "kid": "e", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kty": "oct", "kid": "o", "k": b64([]byte("secret"))},
	}}
	text, err := json.Marshal(set)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	auth := newAuth(t, path)
	sign := func(method jwt.SigningMethod, kid string, key any) string {
		token := jwt.NewWithClaims(method, jwt.MapClaims{
			"iss": testkit.Issuer, "aud": []string{"x", testkit.Audience}, "sub": "a", "exp": time.Now().Add(time.Minute).Unix(),
		})
		token.Header["kid"] = kid
		signed, err := token.SignedString(key)
		require.NoError(t, err)
		return signed
	}
	for _, good := range []string{sign(jwt.SigningMethodRS256, "r", rsaKey), sign(jwt.SigningMethodES256, "e", ecKey)} {
		c, err := auth.Verify(t.Context(), good)
		require.NoError(t, err)
		require.Equal(t, "a", c.Subject)
	}
	for name, bad := range map[string]string{
		"algorithm not the key's": sign(jwt.SigningMethodRS512, "r", rsaKey),
		"key of another kind":     sign(jwt.SigningMethodRS256, "e", rsaKey),
		"unknown key":             sign(jwt.SigningMethodRS256, "z", rsaKey),
		"secret from the set":     sign(jwt.SigningMethodHS256, "o", []byte("secret")),
	} {
		_, err := auth.Verify(t.Context(), bad)
		require.Error(t, err, name)
	}
}

func TestKeysComeFromAURLToo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(testkit.JWKS(t))
	require.NoError(t, err)
	var asked atomic.Int32
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(text)
	}))
	defer issuer.Close()
	auth := newAuth(t, issuer.URL)
	for range 3 {
		_, err := auth.Verify(t.Context(), testkit.Token(t, "a"))
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, asked.Load())
	http.DefaultClient.CloseIdleConnections()

	for _, jwks := range []string{"", "/nowhere", issuer.URL[:len(issuer.URL)-1]} {
		_, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{JWKS: jwks, Issuer: "i", Audience: "a"})
		require.ErrorContains(t, err, "JWKS")
	}
}

func BenchmarkAuthRemembered(b *testing.B) {
	auth := newAuth(b, testkit.JWKS(b))
	token := testkit.Token(b, "alice", "customer")
	for b.Loop() {
		if _, err := auth.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
