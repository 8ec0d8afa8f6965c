package saga_test

import (
	"testing"

	"ordersaga.internal/processmanager/saga"
)

// A held deadline is one that does not count for now: the command is sent again and not given up, until it is held no
// longer. What has no deadline is sent again all the same.
func TestAHeldDeadline(t *testing.T) {
	t.Parallel()
	s := given(t)
	deadline := s.Instance.Outstanding.Deadline
	s.Now = deadline
	s.When(saga.Due{Held: true}).Sends(msg("Hold")).Is(saga.Running).Outcome("hold", saga.Open).
		When(saga.Due{Held: true}).Was(saga.Ignored)
	s.Now = s.Instance.Outstanding.ResendAt
	if s.When(saga.Due{Held: true}).Sends(msg("Hold")); s.Note.Text != "hold sent again; its deadline is held" {
		t.Errorf("the history says %q", s.Note.Text)
	}
	if got := s.Instance.Outstanding.Deadline; !got.Equal(deadline) {
		t.Errorf("the deadline moved from %s to %s", deadline, got)
	}
	s.When(saga.Due{}).Sends(msg("LetGo")).Outcome("hold", saga.Undoing)
	s.Now = s.Instance.Outstanding.ResendAt
	s.When(saga.Due{Held: true}).Sends(msg("LetGo"))
}
