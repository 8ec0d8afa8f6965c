package adminapi

import "time"

// Position is where a program reads a partition on.
type Position struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Next      int64   `json:"next"`
	LogStart  int64   `json:"log_start"`
	LogEnd    int64   `json:"log_end"`
	Lag       int64   `json:"lag"`
	Owner     *string `json:"owner"`
}

// PositionList is all of a program's.
type PositionList struct {
	Group string     `json:"group"`
	Items []Position `json:"items"`
}

// Target says how far back; one of them.
type Target struct {
	Beginning bool       `json:"beginning,omitempty"`
	Time      *time.Time `json:"time,omitempty"`
	Offset    *int64     `json:"offset,omitempty"`
}

// Rewinding is the wish to read again.
type Rewinding struct {
	To        Target `json:"to"`
	Topic     string `json:"topic,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Reason    string `json:"reason"`
}

// Moved is a position that went back.
type Moved struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	LogStart  int64  `json:"log_start"`
}

// Rewound is what a wish did.
type Rewound struct {
	ID       int64     `json:"entry_id"`
	Group    string    `json:"group"`
	At       time.Time `json:"at"`
	Operator string    `json:"operator"`
	Reason   string    `json:"reason"`
	Target   string    `json:"target"`
	Moves    []Moved   `json:"moves"`
}

// RewoundPage is some of them.
type RewoundPage struct {
	Items      []Rewound `json:"items"`
	NextCursor *string   `json:"next_cursor"`
}

// Records is how many offsets are read again.
func (r *Rewound) Records() (n int64) {
	for _, m := range r.Moves {
		n += m.From - m.To
	}
	return n
}
