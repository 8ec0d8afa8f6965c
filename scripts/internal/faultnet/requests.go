package faultnet

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// commitRequests follows what a client says to a PostgreSQL server on one connection: a startup message without a letter,
// then messages of a letter, a length that counts itself, and a body. A COMMIT is a Query ('Q') with that text, or a Bind
// ('B') of a statement that was parsed ('P') from it. It counts where a statement before it in the transaction writes.
type commitRequests struct {
	buffer     []byte
	started    bool
	statements map[string]string // prepared, by name: what they do; see verb
	writes     bool
}

// longestMessage is how much of a message is looked at: names and the beginning of the text come first.
const longestMessage = 256

// read takes the next bytes and tells whether a COMMIT that counts is among them.
func (r *commitRequests) read(b []byte) (commits bool) {
	r.buffer = append(r.buffer, b...)
	for {
		head := 1 // the letter
		if !r.started {
			head = 0
		}
		if len(r.buffer) < head+4 {
			return commits
		}
		size := head + max(4, int(binary.BigEndian.Uint32(r.buffer[head:])))
		if len(r.buffer) < size {
			return commits
		}
		if r.started && r.message(r.buffer[0], r.buffer[head+4:size]) {
			commits = true
		}
		r.started = true
		r.buffer = append(r.buffer[:0], r.buffer[size:]...)
	}
}

// message notes one message and tells whether it is a COMMIT that counts.
func (r *commitRequests) message(kind byte, body []byte) bool {
	body = body[:min(len(body), longestMessage)]
	first, rest, _ := bytes.Cut(body, []byte{0})
	switch kind {
	case 'P':
		if r.statements == nil {
			r.statements = map[string]string{}
		}
		r.statements[string(first)] = verb(rest)
	case 'B':
		statement, _, _ := bytes.Cut(rest, []byte{0})
		return r.does(r.statements[string(statement)])
	case 'Q':
		return r.does(verb(first))
	}
	return false
}

func (r *commitRequests) does(verb string) bool {
	switch verb {
	case "BEGIN", "ROLLBACK":
		r.writes = false
	case "INSERT", "UPDATE", "DELETE", "MERGE", "WITH":
		r.writes = true
	case "COMMIT":
		writes := r.writes
		r.writes = false
		return writes
	}
	return false
}

// verb is a statement's first word.
func verb(sql []byte) string {
	words := strings.FieldsFunc(string(sql), func(c rune) bool { return c <= ' ' || c == ';' || c == '(' })
	if len(words) == 0 {
		return ""
	}
	return strings.ToUpper(words[0])
}
