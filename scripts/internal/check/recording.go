package check

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// Recording is everything that a Source had to say, in memory: to be kept in a file, judged again, or tampered with.
type Recording struct {
	Resting Rest
	Log     []*Record
	Lines   []string // of the ledger
	Tables  map[ID]*Rows
	Common  Shared
	Told    Inputs
}

var _ Source = (*Recording)(nil)

// Rest implements Source.
func (r *Recording) Rest(context.Context) (Rest, error) { return r.Resting, nil }

// Records implements Source.
func (r *Recording) Records(_ context.Context, partition int32, upTo Rest, see func(*Record) error) error {
	for _, record := range r.Log {
		if record.Partition != partition || record.Offset >= upTo.Ends[record.Topic][partition] {
			continue
		}
		if err := see(record); err != nil {
			return err
		}
	}
	return nil
}

// Ledger implements Source.
func (r *Recording) Ledger(_ context.Context, see func([]byte) error) error {
	for _, line := range r.Lines {
		if err := see([]byte(line)); err != nil {
			return err
		}
	}
	return nil
}

// Rows implements Source.
func (r *Recording) Rows(_ context.Context, orders []ID) (map[ID]*Rows, error) {
	out := make(map[ID]*Rows, len(orders))
	for _, id := range orders {
		if rows := r.Tables[id]; rows != nil {
			out[id] = rows
		}
	}
	return out, nil
}

// Subjects implements Source.
func (r *Recording) Subjects(_ context.Context, see func(string, ID) error) error {
	for id, rows := range r.Tables {
		for table, has := range map[string]bool{
			"orders.orders": rows.Order != nil, "payments.operation": len(rows.Operations) > 0, "warehouse.holds": rows.Hold != nil,
			"processmanager.instance": rows.Instance != nil, "processmanager.history": len(rows.History) > 0, "a fence": len(rows.Fence) > 0,
		} {
			if has {
				if err := see(table, id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Shared implements Source.
func (r *Recording) Shared(context.Context) (*Shared, error) { return &r.Common, nil }

// Recorder is a Source that keeps what passes through it.
type Recorder struct {
	Source

	mu   sync.Mutex
	kept Recording
}

// NewRecorder returns a recorder of a source.
func NewRecorder(s Source, told Inputs) *Recorder {
	return &Recorder{Source: s, kept: Recording{Tables: map[ID]*Rows{}, Told: told}}
}

// Kept returns the recording, once Judge is done.
func (r *Recorder) Kept() *Recording {
	slices.SortStableFunc(r.kept.Log, func(a, b *Record) int { return int(a.Partition - b.Partition) })
	return &r.kept
}

// Rest implements Source.
func (r *Recorder) Rest(ctx context.Context) (Rest, error) {
	rest, err := r.Source.Rest(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept.Resting = rest
	return rest, err
}

// Records implements Source.
func (r *Recorder) Records(ctx context.Context, partition int32, upTo Rest, see func(*Record) error) error {
	return r.Source.Records(ctx, partition, upTo, func(record *Record) error {
		own := *record
		own.Value = append(Text(nil), record.Value...)
		own.Headers = slices.Clone(record.Headers)
		r.mu.Lock()
		r.kept.Log = append(r.kept.Log, &own)
		r.mu.Unlock()
		return see(record)
	})
}

// Ledger implements Source.
func (r *Recorder) Ledger(ctx context.Context, see func([]byte) error) error {
	return r.Source.Ledger(ctx, func(line []byte) error {
		r.kept.Lines = append(r.kept.Lines, string(line))
		return see(line)
	})
}

// Rows implements Source.
func (r *Recorder) Rows(ctx context.Context, orders []ID) (map[ID]*Rows, error) {
	rows, err := r.Source.Rows(ctx, orders)
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.kept.Tables, rows)
	return rows, err
}

// Shared implements Source.
func (r *Recorder) Shared(ctx context.Context) (*Shared, error) {
	shared, err := r.Source.Shared(ctx)
	if err == nil {
		r.kept.Common = *shared
	}
	return shared, err
}

// line is one line of a recording's file; each has one field.
type line struct {
	Rest   *Rest   `json:"rest,omitempty"`
	Shared *Shared `json:"shared,omitempty"`
	Inputs *Inputs `json:"inputs,omitempty"`
	Record *Record `json:"record,omitempty"`
	Ledger string  `json:"ledger,omitempty"`
	Order  *ID     `json:"order,omitempty"`
	Rows   *Rows   `json:"rows,omitempty"`
}

// Write writes a recording: a JSON object a line, compressed.
func (r *Recording) Write(w io.Writer) error {
	z := gzip.NewWriter(w)
	out := json.NewEncoder(z)
	lines := []line{{Rest: &r.Resting}, {Shared: &r.Common}, {Inputs: &r.Told}}
	for _, record := range r.Log {
		lines = append(lines, line{Record: record})
	}
	for _, entry := range r.Lines {
		lines = append(lines, line{Ledger: entry})
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.Tables), func(a, b ID) int { return slices.Compare(a[:], b[:]) }) {
		lines = append(lines, line{Order: &id, Rows: r.Tables[id]})
	}
	for i := range lines {
		if err := out.Encode(&lines[i]); err != nil {
			return fmt.Errorf("write the recording: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

// ReadRecording reads what Write wrote.
func ReadRecording(r io.Reader) (*Recording, error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	out := &Recording{Tables: map[ID]*Rows{}}
	in := json.NewDecoder(z)
	for {
		var l line
		err := in.Decode(&l)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the recording: %w", err)
		}
		switch {
		case l.Rest != nil:
			out.Resting = *l.Rest
		case l.Shared != nil:
			out.Common = *l.Shared
		case l.Inputs != nil:
			out.Told = *l.Inputs
		case l.Record != nil:
			out.Log = append(out.Log, l.Record)
		case l.Order != nil:
			out.Tables[*l.Order] = l.Rows
		default:
			out.Lines = append(out.Lines, l.Ledger)
		}
	}
}
