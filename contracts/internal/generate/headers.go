package generate

// header names and their schemas: DESIGN, section 4. Header values are UTF-8 text; an object of strings describes them.
func headers(command bool) *schema {
	text := func(description, pattern string) *schema {
		return &schema{Type: "string", Description: description, Pattern: pattern}
	}
	id := func(description string) *schema {
		return &schema{Type: "string", Description: description, Format: "uuid", Pattern: uuidPattern}
	}
	s := &schema{
		Type: "object", Title: "EventHeaders",
		Description: "Headers of an event: a CloudEvent 1.0 in binary mode. The record's key equals ce_subject.",
		Required: []string{
			"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_sequence", "ce_correlationid",
			"content-type",
		},
		Properties: ordered{
			{"ce_specversion", &schema{Type: "string", Const: "1.0"}},
			{"ce_id", id("The same wherever this message appears again.")},
			{"ce_source", text("The service that says so.", "^/services/[a-z]+$")},
			{"ce_type", text("Name and version: which schema the value fits.", `^[A-Z][A-Za-z]*\.v[1-9][0-9]*$`)},
			{"ce_subject", id("The order, and the record's key.")},
			{"ce_time", text("When it was decided, UTC.", `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$`)},
			{"ce_sequence", text("Counts what the source said of this order, across topics, from 1; sorts as text. First "+
				"appearances come in this order.", "^[0-9]{20}$")},
			{"ce_correlationid", id("The order.")},
			{"ce_causationid", id("The message that this one follows from; of an answer, its command.")},
			{"ce_attempt", text("Only on commands: how often this one has been sent, from 1.", "^[1-9][0-9]*$")},
			{"content-type", &schema{Type: "string", Const: "application/json"}},
			{"traceparent", text("W3C Trace Context; one trace for each order.", "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")},
			{"tracestate", &schema{Type: "string", Description: "W3C Trace Context."}},
		},
	}
	if command {
		s.Title = "CommandHeaders"
		s.Description = "Headers of a command: a CloudEvent 1.0 in binary mode. The record's key equals ce_subject."
		s.Required = append(s.Required, "ce_attempt")
	}
	return s
}
