package poison

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// Letter is a dead letter as the process manager's admin port tells it.
type Letter struct {
	ID      int64      `json:"letter_id"`
	Subject *uuid.UUID `json:"subject"`
	Topic   string     `json:"topic"`
	Offset  int64      `json:"offset"`
	Reason  string     `json:"reason"`
	Type    string     `json:"type"`
	Tries   int        `json:"tries"`
}

// Queues are letters by whose messages wait, each queue in its order.
type Queues map[uuid.UUID][]Letter

// Desk is an operator at the process manager's admin port.
type Desk struct{ client *load.Client }

// NewDesk returns an operator of a stack.
func NewDesk(s *stack.Stack) (*Desk, error) {
	token, err := s.Keys.Token("olga", "operator", 24*time.Hour)
	if err != nil {
		return nil, err
	}
	return &Desk{load.NewClient([]string{s.Admin("processmanager")}, token)}, nil
}

// Queues reads all letters.
func (d *Desk) Queues(ctx context.Context) (Queues, error) {
	out := Queues{}
	for cursor := ""; ; {
		var page struct {
			Items []Letter `json:"items"`
			Next  *string  `json:"next_cursor"`
		}
		path := "/admin/v1/deadletters?limit=200"
		if cursor != "" {
			path += "&cursor=" + url.QueryEscape(cursor)
		}
		if _, err := d.client.Do(ctx, http.MethodGet, path, "", nil, &page); err != nil {
			return nil, fmt.Errorf("list the dead letters: %w", err)
		}
		for _, l := range page.Items {
			if l.Subject == nil {
				return nil, fmt.Errorf("letter %d is nobody's: %s", l.ID, l.Reason)
			}
			out[*l.Subject] = append(out[*l.Subject], l)
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	for _, queue := range out {
		slices.Reverse(queue) // they are listed newest first
	}
	return out, nil
}

// Redrive handles the queue of a letter until none is left, and returns how many letters that were. An operator asks again
// with the same key until the queue is done.
func (d *Desk) Redrive(ctx context.Context, letter int64) (handled int, err error) {
	key := uuid.NewString()
	for range 10 {
		var done struct {
			Entry struct {
				Handled int `json:"handled"`
			} `json:"entry"`
			Left    int     `json:"left"`
			Stopped *Letter `json:"stopped"`
		}
		path := fmt.Sprintf("/admin/v1/deadletters/%d/redrive", letter)
		if _, err := d.client.Do(ctx, http.MethodPost, path, key, map[string]string{"reason": "the fix runs"}, &done); err != nil {
			return handled, fmt.Errorf("redrive letter %d: %w", letter, err)
		}
		if handled = done.Entry.Handled; done.Left == 0 {
			return handled, nil
		}
		if done.Stopped != nil && done.Stopped.Reason != "behind" {
			return handled, fmt.Errorf("redriving letter %d stopped at %s: %s", letter, done.Stopped.Type, done.Stopped.Reason)
		}
	}
	return handled, errors.New("a queue does not get empty")
}

// fewestBehind is how many messages must wait behind each poisoned one.
const fewestBehind = 2

// Wrong tells what is not as it must be with the queue of a poisoned order, "" where nothing is: the poison, then what came
// later, in the log's order in each topic.
func Wrong(queue []Letter) string {
	if len(queue) == 0 {
		return "nothing of it is set aside"
	}
	if head := queue[0]; head.Reason != "poison" || head.Type != "PaymentAuthorized.v1" {
		return fmt.Sprintf("the first of its queue is %s, %s", head.Type, head.Reason)
	}
	if len(queue) < 1+fewestBehind {
		return fmt.Sprintf("only %d messages wait behind its poison", len(queue)-1)
	}
	last := map[string]int64{queue[0].Topic: queue[0].Offset}
	for _, l := range queue[1:] {
		if l.Reason != "behind" {
			return fmt.Sprintf("%s of its queue is %s", l.Type, l.Reason)
		}
		if before, known := last[l.Topic]; known && l.Offset <= before {
			return fmt.Sprintf("%s at offset %d of %s stands behind offset %d in its queue", l.Type, l.Offset, l.Topic, before)
		}
		last[l.Topic] = l.Offset
	}
	return ""
}
