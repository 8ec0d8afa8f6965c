package read

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Ledger implements check.Source.
func (l *Live) Ledger(ctx context.Context, see func([]byte) error) error {
	url := strings.TrimSuffix(l.addresses.Provider, "/") + "/v1/ledger"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+l.addresses.ProviderKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("read the ledger: %w: %w", ErrUnreachable, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("read the ledger: %s answers %s", url, res.Status)
	}
	lines := bufio.NewReaderSize(res.Body, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the ledger: %w: %w", ErrUnreachable, err)
		}
		if err := see(line[:len(line)-1]); err != nil {
			return err
		}
	}
}
