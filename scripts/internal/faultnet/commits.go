package faultnet

import (
	"bytes"
	"encoding/binary"
)

// commitReader follows what a PostgreSQL server says on one connection (protocol 3, "Message Formats"): every message is
// a letter, a length that counts itself, and a body. A CommandComplete ('C') whose body is "COMMIT" says that a
// transaction was committed. It counts where the transaction changed a row: the loss of an empty one's answer is none.
type commitReader struct {
	header [5]byte
	have   int    // bytes of the header so far
	rest   int    // bytes of the body still to come
	tag    []byte // body of a CommandComplete so far
	wrote  bool   // some statement since BEGIN changed a row
}

const (
	commandComplete = 'C'
	longestTag      = 64
)

// read takes the next bytes and tells whether a COMMIT that counts was answered in them. What follows it in them is
// read, too, but nobody will see it.
func (r *commitReader) read(b []byte) (committed bool) {
	for len(b) > 0 {
		if r.rest == 0 {
			n := copy(r.header[r.have:], b)
			r.have += n
			b = b[n:]
			if r.have < len(r.header) {
				break
			}
			r.rest = max(0, int(binary.BigEndian.Uint32(r.header[1:]))-4)
			r.have, r.tag = 0, r.tag[:0]
			continue
		}
		n := min(r.rest, len(b))
		if r.header[0] == commandComplete && len(r.tag)+n <= longestTag {
			r.tag = append(r.tag, b[:n]...)
		}
		r.rest -= n
		b = b[n:]
		if r.rest == 0 && r.header[0] == commandComplete && r.complete(string(bytes.TrimSuffix(r.tag, []byte{0}))) {
			committed = true
		}
	}
	return committed
}

// complete notes the end of a statement and tells whether it was a COMMIT that counts.
func (r *commitReader) complete(tag string) bool {
	switch {
	case tag == "BEGIN", tag == "ROLLBACK":
		r.wrote = false
	case tag == "COMMIT":
		wrote := r.wrote
		r.wrote = false
		return wrote
	case changed(tag):
		r.wrote = true
	}
	return false
}

// changed tells whether a statement with this tag changed a row: "INSERT 0 3", "UPDATE 2", "DELETE 1", "MERGE 1".
func changed(tag string) bool {
	words := bytes.Fields([]byte(tag))
	if len(words) < 2 {
		return false
	}
	switch string(words[0]) {
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		return string(words[len(words)-1]) != "0"
	}
	return false
}
