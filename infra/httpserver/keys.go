package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

// keySet holds an issuer's public keys. It reads them again every few minutes, and when a token names a key it does not
// know, but never more often than every few seconds; if that fails, the old ones go on.
type keySet struct {
	source string
	log    *slog.Logger

	mu   sync.Mutex
	keys map[string]publicKey // by kid
	read time.Time
}

type publicKey struct {
	alg string // "" where the set does not say
	key any
}

const (
	keysFreshFor  = 5 * time.Minute
	keysRetryWait = 5 * time.Second
)

var errUnknownKey = errors.New("the token names a key that the issuer does not have")

func newKeySet(ctx context.Context, source string, log *slog.Logger) (*keySet, error) {
	if source == "" {
		return nil, errors.New("neither a file nor a URL is set")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &keySet{source: source, log: log}
	keys, err := readKeys(ctx, source)
	if err != nil {
		return nil, err
	}
	s.keys, s.read = keys, time.Now()
	return s, nil
}

func (s *keySet) key(ctx context.Context, kid, alg string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[kid]
	age := time.Since(s.read)
	if age > keysFreshFor || !ok && age > keysRetryWait {
		s.read = time.Now()
		if keys, err := readKeys(ctx, s.source); err != nil {
			s.log.WarnContext(ctx, "keeping the token keys read earlier", "error", err.Error())
		} else {
			s.keys = keys
		}
		k, ok = s.keys[kid]
	}
	if !ok || k.alg != "" && k.alg != alg {
		return nil, errUnknownKey
	}
	return k.key, nil
}

// readKeys reads a JSON Web Key Set (RFC 7517). Keys for encryption, and secret ones, are left out.
func readKeys(ctx context.Context, source string) (map[string]publicKey, error) {
	text, err := readSource(ctx, source)
	if err != nil {
		return nil, err
	}
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%s is no JSON Web Key Set: %w", source, err)
	}
	keys := make(map[string]publicKey, len(set.Keys))
	for _, marshalled := range set.Keys {
		if marshalled.USE != "" && marshalled.USE != jwkset.UseSig || marshalled.KTY == jwkset.KtyOct {
			continue
		}
		jwk, err := jwkset.NewJWKFromMarshal(marshalled, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			return nil, fmt.Errorf("%s: key %q: %w", source, marshalled.KID, err)
		}
		keys[marshalled.KID] = publicKey{alg: marshalled.ALG.String(), key: jwk.Key()}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key that signs", source)
	}
	return keys, nil
}

func readSource(ctx context.Context, source string) ([]byte, error) {
	if !strings.HasPrefix(source, "http://") && !strings.HasPrefix(source, "https://") {
		return os.ReadFile(source)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", source, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}
