package httpserver

import "encoding/base64"

// Cursor leads to what comes after the last of a page, which key names.
func Cursor(key []byte) *string {
	next := base64.RawURLEncoding.EncodeToString(key)
	return &next
}

// CursorKey returns the key of a query parameter "cursor", nil where there is none. The error is the problem of one that has
// not size bytes, so is none of this list's.
func CursorKey(cursor *string, size int) ([]byte, error) {
	if cursor == nil {
		return nil, nil
	}
	key, err := base64.RawURLEncoding.DecodeString(*cursor)
	if err != nil || len(key) != size {
		return nil, BadParameter("#/query/cursor", "not a cursor of this list")
	}
	return key, nil
}
