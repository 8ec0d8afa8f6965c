package viewstore

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/order/internal/view"
)

// columns are those of order_view but generation and order_id, as targets has them.
var columns = []string{
	"order_version", "payment_version", "warehouse_version",
	"placed_at", "cancellation_requested_at", "cancellation_declined_at", "completed_at", "rejected_at", "cancelled_at",
	"authorized_at", "declined_at", "captured_at", "capture_refused_at", "voided_at", "void_failed_at", "refunded_at", "refund_failed_at",
	"reserved_at", "reservation_refused_at", "released_at", "dispatched_at", "dispatch_refused_at",
	"total_minor", "total_currency", "authorized_minor", "authorized_currency", "captured_minor", "captured_currency",
	"voided_minor", "voided_currency", "refunded_minor", "refunded_currency",
	"rejected_reason", "reservation_refusal", "decline", "capture_refusal", "dispatch_refusal",
	"customer_id", "rejected_step", "shipment_id",
}

// typeOf a column, which its name tells.
func typeOf(column string) string {
	switch {
	case strings.HasSuffix(column, "_version"), strings.HasSuffix(column, "_minor"):
		return "bigint"
	case strings.HasSuffix(column, "_at"):
		return "timestamptz"
	}
	return "text"
}

// targets are pointers to where a row keeps each of the columns.
func targets(r *view.Row) []any {
	out := make([]any, 0, len(columns))
	for i := range r.Versions {
		out = append(out, &r.Versions[i])
	}
	for i := range r.At {
		out = append(out, (*moment)(&r.At[i]))
	}
	for _, m := range [...]*contracts.Money{&r.Total, &r.Authorized, &r.Captured, &r.Voided, &r.Refunded} {
		out = append(out, &m.AmountMinor, &m.Currency)
	}
	for _, reason := range [...]*contracts.Reason{&r.Reason, &r.StockRefusal, &r.Decline, &r.CaptureRefusal, &r.DispatchRefusal} {
		out = append(out, (*string)(reason))
	}
	return append(out, &r.Customer, &r.Step, &r.Shipment)
}

// moment is a time that is null where it is zero.
type moment time.Time

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (m *moment) ScanTimestamptz(v pgtype.Timestamptz) error {
	*m = moment{}
	if v.Valid {
		*m = moment(v.Time.UTC())
	}
	return nil
}

// arrays are the rows' order ids and columns, one array each.
func arrays(rows []*view.Row) []any {
	ids := make([]pgtype.UUID, len(rows))
	out := make([]any, len(columns))
	for i, column := range columns {
		switch typeOf(column) {
		case "bigint":
			out[i] = make([]int64, len(rows))
		case "timestamptz":
			out[i] = make([]pgtype.Timestamptz, len(rows))
		default:
			out[i] = make([]string, len(rows))
		}
	}
	for n, r := range rows {
		ids[n] = pgtype.UUID{Bytes: r.ID, Valid: true}
		for i, target := range targets(r) {
			switch v := target.(type) {
			case *int64:
				out[i].([]int64)[n] = *v
			case *string:
				out[i].([]string)[n] = *v
			case *moment:
				t := time.Time(*v)
				out[i].([]pgtype.Timestamptz)[n] = pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}
			}
		}
	}
	return append([]any{ids}, out...)
}
