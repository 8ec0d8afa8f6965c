package messaging

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// sortUUIDs sorts as PostgreSQL sorts the uuid type, so that locks are taken in one order everywhere.
func sortUUIDs(ids []uuid.UUID) {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }
