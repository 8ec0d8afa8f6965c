package saga

import "strconv"

// AppendKey appends what tells two instances of one saga apart but for the clock: equal keys mean that every input has the
// same effect on both, whenever both are due. ID, Data, Sequence and times are left out.
func (i *Instance[D]) AppendKey(b []byte) []byte {
	b = append(b, i.State...)
	for _, p := range i.Steps {
		b = append(b, '|')
		b = append(b, p.Outcome...)
		b = strconv.AppendInt(b, int64(p.UndoAttempt), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, p.Answered, 10)
		b = append(b, p.Failure...)
	}
	if o := i.Outstanding; o != nil {
		b = append(b, '>')
		b = append(b, o.Step...)
		b = strconv.AppendBool(b, o.Undo)
		b = strconv.AppendInt(b, int64(o.Attempt), 10)
		if !o.Deadline.IsZero() {
			b = append(b, '@')
		}
	}
	if i.Cancelling {
		b = append(b, '!')
	}
	b = append(b, '/')
	b = append(b, i.Failed...)
	b = append(b, '/')
	b = append(b, i.Reason...)
	b = append(b, '/')
	return append(b, i.Stuck...)
}
