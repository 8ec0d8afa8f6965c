package messaging

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ReadRecord returns the message of a record, its body decoded, for those who look into the log and are no machine. Errors:
// its envelope or its value is not as it must be.
func ReadRecord(c Codec, prefix string, r *kgo.Record) (Message, error) {
	m, err := fromRecord(prefix, r)
	if err != nil {
		return m, err
	}
	if m.Body, err = c.Decode(m.Type, r.Value); err != nil {
		return m, fmt.Errorf("%s/%d@%d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return m, nil
}
