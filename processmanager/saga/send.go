package saga

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// due re-sends the outstanding command or, at its deadline, gives the step up (rule 1) unless the deadline is held.
func (t *transition[D]) due(clock Due) Effect {
	o := t.next.Outstanding
	if o == nil {
		return t.note(Ignored, "nothing is outstanding")
	}
	passed := !o.Deadline.IsZero() && !t.now.Before(o.Deadline)
	switch {
	case passed && !clock.Held:
		t.giveUp()
	case !t.now.Before(o.ResendAt):
		t.say(describe(o) + " sent again")
		if passed {
			t.say("its deadline is held")
		}
		t.resend()
	default:
		return t.note(Ignored, "not due yet")
	}
	return Applied
}

// redriven starts the deadline anew, without sending (rule 7).
func (t *transition[D]) redriven() Effect {
	if t.next.Outstanding == nil {
		return t.note(Ignored, "nothing is outstanding")
	}
	o := *t.next.Outstanding
	r := t.row(o.Step)
	o.ResendAt = t.now.Add(r.wait(o))
	if !o.Deadline.IsZero() {
		o.Deadline = t.now.Add(r.timeout)
	}
	t.next.Outstanding = &o
	t.say("deadline starts anew")
	return Applied
}

// sendFirst makes a command the outstanding one and sends it.
func (t *transition[D]) sendFirst(k int, undo bool) {
	r := &t.def.table.rows[k]
	o := Outstanding{Step: r.name, Undo: undo}
	if undo {
		o.Command = uuid.NewSHA1(t.next.ID, r.undoName)
		o.Attempt = t.next.Steps[k].UndoAttempt
	} else {
		o.Command = uuid.NewSHA1(t.next.ID, r.doName)
		if r.timeout > 0 {
			o.Deadline = t.now.Add(r.timeout)
		}
	}
	t.send(k, o)
}

// resend sends the outstanding command again; its deadline stays (rule 7).
func (t *transition[D]) resend() {
	t.send(t.def.table.row(t.next.Outstanding.Step), *t.next.Outstanding)
}

// send sends o with its next attempt.
func (t *transition[D]) send(k int, o Outstanding) {
	r := &t.def.table.rows[k]
	o.Attempt++
	o.ResendAt = t.now.Add(r.wait(o))
	var body Message
	if o.Undo {
		t.next.Steps[k].UndoAttempt = o.Attempt
		body = r.undo(t.next.Data)
	} else {
		body = r.do(t.next.Data, Failure{Step: t.next.Failed, Reason: t.next.Reason})
	}
	if body == nil {
		t.err = fmt.Errorf("%w: %s", ErrNoCommand, describe(&o))
		return
	}
	t.next.Outstanding = &o
	t.next.Sequence++
	t.out = append(t.out, Outgoing{ID: o.Command, Attempt: o.Attempt, Sequence: t.next.Sequence, Body: body})
}

// maxWait bounds the backoff.
const maxWait = 5 * time.Minute

// wait is the time from this attempt to the next. What may time out is sent again at even intervals. All else backs off:
// doubling up to maxWait, and from the second attempt on up to a quarter shorter, by the command's id, so that the
// instances that one outage stopped do not all come back at once.
func (r *row[D]) wait(o Outstanding) time.Duration {
	if !o.Deadline.IsZero() || o.Attempt <= 1 {
		return r.resend
	}
	d := max(r.resend, maxWait)
	if doublings := o.Attempt - 1; doublings < 16 && r.resend<<doublings < d {
		d = r.resend << doublings
	}
	jitter := binary.BigEndian.Uint16(o.Command[:2]) // of a UUIDv5: evenly spread
	return d - d/4*time.Duration(jitter)/(1<<16)
}
