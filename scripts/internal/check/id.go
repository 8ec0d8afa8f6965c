package check

import (
	"crypto/sha1" //nolint:gosec // UUIDv5 is made of it
	"encoding/hex"
	"fmt"
)

// ID is a UUID.
type ID [16]byte

// ParseID takes the canonical form only: 36 characters, lower case. Any other spelling is another key.
func ParseID(s string) (id ID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, false
	}
	at := 0
	for i := 0; i < len(s); {
		if s[i] == '-' {
			i++
			continue
		}
		high, low := digit(s[i]), digit(s[i+1])
		if high > 15 || low > 15 {
			return ID{}, false
		}
		id[at] = high<<4 | low
		at, i = at+1, i+2
	}
	return id, true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// String is the canonical form.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:], id[0:4])
	hex.Encode(b[9:], id[4:6])
	hex.Encode(b[14:], id[6:8])
	hex.Encode(b[19:], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// MarshalText is the canonical form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText takes the canonical form.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, ok := ParseID(string(text))
	if !ok {
		return fmt.Errorf("%q is no UUID", text)
	}
	*id = parsed
	return nil
}

// derived is a UUIDv5.
func derived(space ID, name string) (id ID) {
	h := sha1.New() //nolint:gosec // UUIDv5 is made of it
	h.Write(space[:])
	h.Write([]byte(name))
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Partitions is how many partitions every topic has.
const Partitions = 12

// partitionOf is murmur2 of the key, positive, modulo Partitions, as Java's default partitioner has it.
func partitionOf(key string) int32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(key))
	i := 0
	for ; i+4 <= len(key); i += 4 {
		k := uint32(key[i]) | uint32(key[i+1])<<8 | uint32(key[i+2])<<16 | uint32(key[i+3])<<24
		k *= m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	tail := uint32(0)
	for j := len(key) - 1; j >= i; j-- {
		tail = tail<<8 | uint32(key[j])
	}
	if i < len(key) {
		h = (h ^ tail) * m
	}
	h = (h ^ h>>13) * m
	h ^= h >> 15
	return int32(h&0x7fffffff) % Partitions
}
