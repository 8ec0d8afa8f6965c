package deadletters_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/messaging/deadletters"
	"ordersaga.internal/infra/testkit"
)

const good, bad = `{"text":"good"}`, `{"text":"worse","bad":true}`

func TestOperatorReadsEditsAndRedrives(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	subject := uuid.New()
	p.send(subject, bad, good, good)
	letters := p.waiting(subject, 3)
	first := letters[2]
	require.Equal(t, deadletters.DeadLetterReason("undecidable"), first.Reason)
	require.Equal(t, "note", first.Group)
	require.Equal(t, "a bad note", *first.Error)
	require.Equal(t, "*errors.errorString", *first.Class)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", *first.TraceId)
	require.Nil(t, first.Record)

	path := fmt.Sprintf("/%d", first.LetterId)
	var whole deadletters.DeadLetter
	require.Equal(t, http.StatusOK, p.ask("GET", path, "", "", &whole))
	require.Equal(t, bad, *whole.Record.Value.Text)
	require.Equal(t, subject.String(), *whole.Record.Key.Text)
	require.Equal(t, []int{0, 2}, []int{*whole.Ahead, *whole.Behind})

	var done deadletters.Redriven
	require.Equal(t, http.StatusOK, p.ask("POST", path+"/redrive", "", `{"reason":"perhaps now"}`, &done))
	require.Equal(t, 3, done.Left)
	require.Equal(t, first.LetterId, done.Stopped.LetterId)
	require.Equal(t, 2, done.Stopped.Tries)

	require.Equal(t, http.StatusUnprocessableEntity, p.ask("POST", path+"/edit", "", `{"reason":"typo","value":{"text":"{"}}`, nil))
	require.Equal(t, http.StatusBadRequest, p.ask("POST", path+"/edit", "", `{"value":{"text":"{}"}}`, nil)) // no reason
	require.Equal(t, http.StatusBadRequest, p.ask("POST", path+"/edit", "", `{"reason":"nothing"}`, nil))
	var edit deadletters.Entry
	require.Equal(t, http.StatusOK, p.ask("POST", path+"/edit", "k1", `{"reason":"typo","value":{"base64":"eyJ0ZXh0Ijoib2sifQ=="}}`, &edit))
	require.Equal(t, bad, *edit.Before.Value.Text)
	require.Equal(t, `{"text":"ok"}`, *edit.After.Value.Text)
	require.NotEqual(t, *edit.BeforeSha256, *edit.AfterSha256)
	var repeated deadletters.Entry
	require.Equal(t, http.StatusOK, p.ask("POST", path+"/edit", "k1", `{"reason":"typo","value":{"text":"{\"text\":\"ok\"}"}}`, &repeated))
	require.Equal(t, edit, repeated)
	require.Equal(t, http.StatusUnprocessableEntity, // not "done", which it would not be
		p.ask("POST", path+"/edit", "k1", `{"reason":"typo","value":{"text":"{\"text\":\"other\"}"}}`, nil))

	require.Equal(t, http.StatusOK, p.ask("POST", path+"/redrive", "k2", `{"reason":"mended"}`, &done))
	require.Equal(t, 3, done.Entry.Handled)
	require.Equal(t, 0, done.Left)
	require.Nil(t, done.Stopped)
	again := deadletters.Redriven{}
	require.Equal(t, http.StatusOK, p.ask("POST", path+"/redrive", "k2", `{"reason":"mended"}`, &again))
	require.Equal(t, done, again) // the same wish, answered as the first time
	require.Equal(t, http.StatusNotFound, p.ask("POST", path+"/redrive", "", `{"reason":"mended"}`, nil))
	require.Equal(t, http.StatusNotFound, p.ask("GET", path, "", "", nil))
	p.waiting(subject, 0)

	var trail deadletters.EntryPage
	require.Equal(t, http.StatusOK, p.ask("GET", "/audit?subject="+subject.String(), "", "", &trail))
	require.Len(t, trail.Items, 3)
	require.Equal(t, []string{"mended", "typo", "perhaps now"}, []string{trail.Items[0].Reason, trail.Items[1].Reason, trail.Items[2].Reason})
	require.Equal(t, "olga", trail.Items[1].Operator)
	require.Nil(t, trail.Items[1].Before)
	var entry deadletters.Entry
	require.Equal(t, http.StatusOK, p.ask("GET", fmt.Sprintf("/audit/%d", trail.Items[1].EntryId), "", "", &entry))
	require.Equal(t, edit, entry)
	require.Equal(t, http.StatusNotFound, p.ask("GET", "/audit/999999", "", "", nil))
	require.Equal(t, http.StatusOK, p.ask("GET", "/audit?letter_id=9223372036854775806", "", "", nil))
}

func TestOperatorDiscards(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	subject := uuid.New()
	p.send(subject, "\xff", good)
	letters := p.waiting(subject, 2)
	path := fmt.Sprintf("/%d/discard", letters[1].LetterId)
	require.Equal(t, http.StatusBadRequest, p.ask("POST", path, "", `{"reason":" "}`, nil))
	var entry deadletters.Entry
	require.Equal(t, http.StatusOK, p.ask("POST", path, "x", `{"reason":"garbage"}`, &entry))
	require.Equal(t, []byte{0xff}, *entry.Before.Value.Base64)
	require.Equal(t, http.StatusOK, p.ask("POST", path, "x", `{"reason":"garbage"}`, nil))
	require.Equal(t, http.StatusNotFound, p.ask("POST", path, "y", `{"reason":"garbage"}`, nil))
	p.waiting(subject, 1)
}

func TestListIsPagedAndFiltered(t *testing.T) {
	t.Parallel()
	p := newPort(t)
	one, two := uuid.New(), uuid.New()
	p.send(one, bad, good, good)
	p.send(two, "{", good)
	p.waiting(one, 3)
	p.waiting(two, 2)
	for query, want := range map[string]int{
		"?limit=200": 5, "?waiting=true": 3, "?waiting=false": 2, "?reason=unreadable": 1, "?topic=" + topic: 5, "?topic=other": 0,
		"?type=note.v1&waiting=false": 2,
	} {
		var page deadletters.DeadLetterPage
		require.Equal(t, http.StatusOK, p.ask("GET", query, "", "", &page))
		require.Len(t, page.Items, want, query)
	}
	var seen []int64
	for cursor := ""; ; {
		var page deadletters.DeadLetterPage
		require.Equal(t, http.StatusOK, p.ask("GET", "?limit=2"+cursor, "", "", &page))
		for _, l := range page.Items {
			seen = append(seen, l.LetterId)
		}
		if page.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + *page.NextCursor
	}
	require.Len(t, seen, 5)
	require.IsDecreasing(t, seen)
	for _, wrong := range []string{"?limit=0", "?cursor=x", "?cursor=____", "?reason=because", "?subject=x", "/x", "/0"} {
		require.Equal(t, http.StatusBadRequest, p.ask("GET", wrong, "", "", nil), wrong)
	}
	p.token = testkit.Token(t, "carl", "customer")
	require.Equal(t, http.StatusForbidden, p.ask("GET", "", "", "", nil))
}
