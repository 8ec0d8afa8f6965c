package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// span is what Jaeger's API tells of one.
type span struct {
	TraceID    string `json:"traceID"`
	SpanID     string `json:"spanID"`
	Name       string `json:"operationName"`
	ProcessID  string `json:"processID"`
	References []struct {
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	Tags []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`

	program string // service.name of who made it
}

func (s span) tag(key string) any {
	for _, t := range s.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return nil
}

// parent is the id of the span that this one belongs to, "" of the first.
func (s span) parent() string {
	if len(s.References) == 0 {
		return ""
	}
	return s.References[0].SpanID
}

// read returns the spans of a trace that Jaeger has so far; none where it knows of no such trace.
func read(t *testing.T, traceID string) []span {
	t.Helper()
	a := send(t, request{http.MethodGet, system.JaegerUI + "/api/traces/" + traceID, nil, nil})
	if a.status == http.StatusNotFound {
		return nil
	}
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var found struct {
		Data []struct {
			Spans     []span `json:"spans"`
			Processes map[string]struct {
				ServiceName string `json:"serviceName"`
			} `json:"processes"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal(a.body, &found))
	require.Len(t, found.Data, 1, "one id, one trace")
	spans := found.Data[0].Spans
	for i := range spans {
		require.Equal(t, traceID, spans[i].TraceID)
		spans[i].program = found.Data[0].Processes[spans[i].ProcessID].ServiceName
	}
	return spans
}
