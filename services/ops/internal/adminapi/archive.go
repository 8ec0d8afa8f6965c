package adminapi

import "time"

// ArchivedHeader is a header as it was in Kafka.
type ArchivedHeader struct {
	Key   string `json:"key"`
	Value *Bytes `json:"value"`
}

// Archived is a record as the archive keeps it.
type Archived struct {
	Topic      string           `json:"topic"`
	Partition  int32            `json:"partition"`
	Offset     int64            `json:"offset"`
	AppendedAt time.Time        `json:"appended_at"`
	Key        *Bytes           `json:"key"`
	Value      *Bytes           `json:"value"`
	Headers    []ArchivedHeader `json:"headers"`
}

// ArchivedPage is some of them.
type ArchivedPage struct {
	Items      []Archived `json:"items"`
	NextCursor *string    `json:"next_cursor"`
}

// Stream is a partition of the archive, as far as its offsets count on without a break.
type Stream struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// StreamPage is all of them.
type StreamPage struct {
	Items []Stream `json:"items"`
}

// Difference is what does not hold of a partition.
type Difference struct {
	Offset int64  `json:"offset"`
	Next   int64  `json:"next"`
	What   string `json:"what"`
}

// Verification is what holding a part of a partition against its hash chain and Kafka found.
type Verification struct {
	Records     int64        `json:"records"`  // whose hash chain was recomputed
	Compared    int64        `json:"compared"` // of them, with those of Kafka
	Retired     int64        `json:"retired"`  // that retention gave up
	Behind      int64        `json:"behind"`   // in Kafka and not archived yet
	Beyond      int64        `json:"beyond"`   // archived, and behind the end of a log that was cut off
	Differences []Difference `json:"differences"`
	NextCursor  *string      `json:"next_cursor"`
}

// Add takes what the next part found.
func (v *Verification) Add(o Verification) {
	v.Records, v.Compared, v.Retired = v.Records+o.Records, v.Compared+o.Compared, v.Retired+o.Retired
	v.Behind, v.Beyond, v.NextCursor = v.Behind+o.Behind, v.Beyond+o.Beyond, o.NextCursor
	v.Differences = append(v.Differences, o.Differences...)
}
