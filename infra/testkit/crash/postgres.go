package crash

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Database is a postgres.Option: connections of the pool, and of who copies its configuration, pass the ports. They are not
// encrypted, and none is made before it is needed.
func (p *Ports) Database(c *pgxpool.Config) {
	c.MinIdleConns = 0
	c.ConnConfig.TLSConfig, c.ConnConfig.Fallbacks = nil, nil
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return p.dial(ctx, network, addr, &pgTalk{statements: map[string]string{}})
	}
}

// pgTalk is PostgreSQL's protocol 3.0 (PostgreSQL documentation, "Frontend/Backend Protocol"). A request is all that goes
// out up to a Sync or simple Query, so a pipelined batch is one; its answer ends with ReadyForQuery.
type pgTalk struct {
	started    bool
	statements map[string]string // prepared on this connection: name → label
}

const (
	pgHeader     = 5 // type, length
	cancelCode   = 80877102
	bindKind     = "db "
	prepareKind  = "db prepare "
	connectKind  = "db connect"
	labelDivider = "+"
)

func (t *pgTalk) ask(b []byte) (int, string) {
	if !t.started {
		return t.start(b)
	}
	var bound, parsed []string
	for at := 0; ; {
		if len(b)-at < pgHeader {
			return 0, ""
		}
		end := at + 1 + int(binary.BigEndian.Uint32(b[at+1:]))
		if len(b) < end {
			return 0, ""
		}
		body := b[at+pgHeader : end]
		switch b[at] {
		case 'P': // Parse: name, text
			name, rest := text(body)
			sql, _ := text(rest)
			t.statements[name] = label(sql)
			parsed = append(parsed, t.statements[name])
		case 'B': // Bind: portal, name
			_, rest := text(body)
			name, _ := text(rest)
			bound = append(bound, t.statements[name])
		case 'Q':
			sql, _ := text(body)
			return end, bindKind + labels(sql)
		case 'S':
			if len(bound) > 0 {
				return end, bindKind + join(bound)
			}
			return end, prepareKind + join(parsed)
		case 'X', 'p', 'H': // Terminate, a password, Flush: nothing that ends with ReadyForQuery
			return end, ""
		}
		at = end
	}
}

// start is the first message of a connection, which has no type.
func (t *pgTalk) start(b []byte) (int, string) {
	if len(b) < 8 || len(b) < int(binary.BigEndian.Uint32(b)) {
		return 0, ""
	}
	n := int(binary.BigEndian.Uint32(b))
	if binary.BigEndian.Uint32(b[4:]) == cancelCode {
		return n, "" // answered by closing
	}
	t.started = true
	return n, connectKind
}

func (*pgTalk) answer(b []byte) (int, bool) {
	if len(b) < pgHeader {
		return 0, false
	}
	n := 1 + int(binary.BigEndian.Uint32(b[1:]))
	if len(b) < n {
		return 0, false
	}
	return n, b[0] == 'Z'
}

// text cuts a zero-terminated string off.
func text(b []byte) (string, []byte) {
	s, rest, _ := bytes.Cut(b, []byte{0})
	return string(s), rest
}

func join(labels []string) string { return strings.Join(slices.Compact(labels), labelDivider) }
