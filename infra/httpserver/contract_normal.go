package httpserver

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// normal walks a JSON value before the schema sees it. It finds what the schema cannot forbid: a character that no
// PostgreSQL text can hold, and numbers so large that comparing them would take for ever. And it spells whole numbers
// plainly: to JSON Schema 2.0 and 2e0 are integers, to Go's decoder they are not.
type normal struct {
	faults  []FieldError
	changed bool
}

func (n *normal) walk(at string, value any) any {
	switch v := value.(type) {
	case string:
		n.text(at, v)
	case json.Number:
		return n.number(at, v)
	case []any:
		for i, item := range v {
			v[i] = n.walk(at+"/"+strconv.Itoa(i), item)
		}
	case map[string]any:
		for name, item := range v {
			n.text(at+"/"+shorten(escape(name)), name)
			v[name] = n.walk(at+"/"+escape(name), item)
		}
	}
	return value
}

func (n *normal) text(at, s string) {
	if strings.IndexByte(s, 0) >= 0 {
		n.faults = append(n.faults, FieldError{at, "must not contain the character U+0000"})
	}
}

func (n *normal) number(at string, v json.Number) json.Number {
	i := strings.IndexAny(string(v), ".eE")
	if i < 0 && len(v) <= 40 {
		return v
	}
	if len(v) > 40 || !smallExponent(string(v)) {
		n.faults = append(n.faults, FieldError{at, "is a number out of all range"})
		return v
	}
	if r, ok := new(big.Rat).SetString(string(v)); ok && r.IsInt() {
		n.changed = true
		return json.Number(r.Num().String())
	}
	return v
}

func smallExponent(s string) bool {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
	return err == nil && exponent >= -30 && exponent <= 30
}
