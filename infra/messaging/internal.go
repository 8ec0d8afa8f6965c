package messaging

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Internal is the body of a message about a service's own progress or operation: for the people who run it, with no contract,
// on a topic of its own that is not archived. It leaves through the outbox with what else its batch decided, in order.
//
// Its Sequence counts apart from that of the contract's messages, because those who read only these must find no gaps: the
// machine gives it a source of its own.
type Internal interface {
	// InternalType is the message's type, without a version: nobody may rely on it.
	InternalType() string
}

const sourceOfServices, internalSuffix = "/services/", "internal"

// InternalTopic returns the topic of a service's internal messages.
func InternalTopic(service string) string { return service + "." + internalSuffix }

// sourceOf is where a body comes from, if its message does not say.
func sourceOf(body any, service string) string {
	if _, ok := body.(Internal); ok {
		return service + "/" + internalSuffix
	}
	return service
}

// encodeInternal does for an internal message what a codec does for one of the contract.
func encodeInternal(m *Message, body Internal) (err error) {
	service := strings.TrimPrefix(strings.TrimSuffix(m.Source, "/"+internalSuffix), sourceOfServices)
	m.Type, m.Topic = body.InternalType(), InternalTopic(service)
	if m.Data, err = json.Marshal(body); err != nil {
		return fmt.Errorf("encode %T: %w", body, err)
	}
	return nil
}
