package admin

import (
	"context"
	"encoding/binary"
	"net/http"
	"slices"
	"time"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/internal/verify"
)

const (
	defaultVerified = 10_000
	// verifyPatience is how long a part of a verification may take. The server gives up after a minute.
	verifyPatience = 45 * time.Second
)

// VerifyPartition verifies a part of a partition.
func (a *API) VerifyPartition(ctx context.Context, r VerifyPartitionRequestObject) (VerifyPartitionResponseObject, error) {
	at := store.Place{Topic: r.Topic, Partition: int32(r.Partition)}
	if !slices.Contains(a.Topics, at.Topic) || at.Partition >= a.Partitions {
		return nil, httpserver.NewProblem(http.StatusNotFound, "not-found", "The contract has no such partition.")
	}
	var after verify.Cursor
	b, err := httpserver.CursorKey(r.Params.Cursor, 10)
	if err != nil {
		return nil, err
	}
	if b != nil {
		after = verify.Cursor{Stream: int16(binary.BigEndian.Uint16(b)), Next: int64(binary.BigEndian.Uint64(b[2:]))}
	}
	limit := defaultVerified
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	ctx, cancel := bounded(ctx, verifyPatience)
	defer cancel()
	report, next, err := a.Verify(ctx, at, after, limit)
	if err != nil {
		return nil, err
	}
	out := VerifyPartition200JSONResponse{
		Records: report.Records, Compared: report.Compared, Retired: report.Retired, Behind: report.Behind, Beyond: report.Beyond,
		Differences: make([]Difference, len(report.Differences)),
	}
	for i, d := range report.Differences {
		out.Differences[i] = Difference{Offset: d.Offset, Next: d.Next, What: d.What}
	}
	if next != nil {
		out.NextCursor = httpserver.Cursor(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(nil, uint16(next.Stream)), uint64(next.Next)))
	}
	return out, nil
}
