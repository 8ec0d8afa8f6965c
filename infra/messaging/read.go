package messaging

import (
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Read returns the message of a record, for those who read a log without a machine. ok is false for what a machine skips:
// markers of transactions and events of an unknown type. Errors: what a machine makes a dead letter of.
func Read(codec Codec, prefix string, r *kgo.Record) (in Message, ok bool, err error) {
	if r.Attrs.IsControl() {
		return in, false, nil
	}
	if in, err = fromRecord(prefix, r); err != nil {
		return in, false, err
	}
	if r.Value == nil {
		return in, false, errors.New("the value is null")
	}
	if in.Body, err = codec.Decode(in.Type, r.Value); err != nil {
		if !codec.Known(in.Type) && !strings.HasSuffix(in.Topic, ".commands") {
			return in, false, nil
		}
		return in, false, err
	}
	return in, true, nil
}
