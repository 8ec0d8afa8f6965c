package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims is what a verified token says of its bearer.
type Claims struct {
	Subject string
	Roles   []string
}

// Has tells whether the bearer has a role.
func (c Claims) Has(role string) bool { return slices.Contains(c.Roles, role) }

// AuthConfig of NewAuth.
type AuthConfig struct {
	JWKS     string // of the issuer's public keys: a file's path or an http(s) URL. Required.
	Issuer   string // iss that tokens must have. Required.
	Audience string // aud that tokens must have. Required.
	Log      *slog.Logger
}

// Auth verifies bearer tokens: JWTs signed with RS256, ES256 or EdDSA by a key of the issuer, with iss, aud, exp and sub,
// and the caller's roles in "roles". A verified token is remembered for some minutes, so that a signature is checked
// once and not on every request; a withdrawn key holds no longer than that.
type Auth struct {
	keys   *keySet
	parser *jwt.Parser
	known  *tokenCache
	now    func() time.Time
}

// NewAuth reads the keys once, so that a wrong JWKS setting shows at the start.
func NewAuth(ctx context.Context, c AuthConfig) (*Auth, error) {
	if c.Issuer == "" || c.Audience == "" {
		return nil, errors.New("tokens need an issuer and an audience to be checked against")
	}
	keys, err := newKeySet(ctx, c.JWKS, c.Log)
	if err != nil {
		return nil, fmt.Errorf("JWKS: %w", err)
	}
	return &Auth{
		keys: keys,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{"RS256", "ES256", "EdDSA"}),
			jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(clockSkew),
		),
		known: newTokenCache(maxKnownTokens),
		now:   time.Now,
	}, nil
}

const (
	clockSkew      = 10 * time.Second // between the issuer's clock and ours
	maxKnownTokens = 20_000           // some 30 MB at worst
	rememberFor    = 5 * time.Minute
)

// Middleware lets requests with a valid token pass, with its claims in their context, and answers 401 to the others.
func (a *Auth) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r.Header.Get("Authorization"))
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer`)
			WriteProblem(w, r, NewProblem(http.StatusUnauthorized, "missing-token", "Send Authorization: Bearer <token>."))
			return
		}
		claims, err := a.Verify(r.Context(), token)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			WriteProblem(w, r, NewProblem(http.StatusUnauthorized, "invalid-token", reason(err)))
			return
		}
		next.ServeHTTP(w, r.WithContext(WithClaims(r.Context(), claims)))
	})
}

// Verify returns the claims of a valid token.
func (a *Auth) Verify(ctx context.Context, token string) (Claims, error) {
	now := a.now()
	if claims, ok := a.known.get(token, now); ok {
		return claims, nil
	}
	var c struct {
		jwt.RegisteredClaims
		Roles []string `json:"roles"`
	}
	_, err := a.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return a.keys.key(ctx, kid, t.Method.Alg())
	})
	if err != nil {
		return Claims{}, err
	}
	if c.Subject == "" {
		return Claims{}, errNoSubject
	}
	claims := Claims{Subject: c.Subject, Roles: c.Roles}
	until := now.Add(rememberFor)
	if c.ExpiresAt.Before(until) {
		until = c.ExpiresAt.Time
	}
	a.known.put(token, claims, until)
	return claims, nil
}

var errNoSubject = errors.New("the token has no subject")

// reason tells a client what to repair, and nothing of the token.
func reason(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return "The token has expired."
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return "The token is of another issuer."
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return "The token is for another audience."
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing), errors.Is(err, errNoSubject):
		return "The token needs iss, aud, exp and sub."
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "The token is not valid yet."
	}
	return "The token cannot be verified."
}

func bearer(header string) (string, bool) {
	const scheme = "Bearer "
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(header[len(scheme):]), true
}

type claimsKey struct{}

// WithClaims returns ctx with the bearer's claims.
func WithClaims(ctx context.Context, c Claims) context.Context {
	return context.WithValue(ctx, claimsKey{}, c)
}

// ClaimsFrom returns the bearer's claims; the zero Claims where no token was checked.
func ClaimsFrom(ctx context.Context) Claims {
	c, _ := ctx.Value(claimsKey{}).(Claims)
	return c
}

// RequireRole answers 403 to bearers who have none of the roles. It goes behind Auth.Middleware.
func RequireRole(roles ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.ContainsFunc(roles, ClaimsFrom(r.Context()).Has) {
				detail := "One of these roles is needed: " + strings.Join(roles, ", ") + "."
				WriteProblem(w, r, NewProblem(http.StatusForbidden, "forbidden", detail))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
