package messages

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The end of the compatibility topic is said when it comes, once, and again at every later start; it ends nothing else.
func TestTheEndOfTheCopiesIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ended = "has reached its end date and is no longer filled"
		var said bytes.Buffer
		run := func(p Publishing, d time.Duration) string {
			said.Reset()
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			if err := p.Run(ctx, slog.New(slog.NewTextHandler(&said, nil))); err != nil || ctx.Err() == nil {
				t.Errorf("it stopped by itself: %v", err)
			}
			return said.String()
		}
		p := Publishing{PlacedVersion: 2, CopyUntil: time.Now().Add(time.Hour)}
		if out := run(p, 59*time.Minute); !strings.Contains(out, "copies go to a compatibility topic") || strings.Contains(out, ended) {
			t.Errorf("before: %s", out)
		}
		if out := run(p, 2*time.Minute); strings.Count(out, ended) != 1 {
			t.Errorf("at the end: %s", out)
		}
		if out := run(p, time.Minute); strings.Count(out, ended) != 1 || strings.Contains(out, "copies go") {
			t.Errorf("after: %s", out)
		}
		if out := run(Publishing{PlacedVersion: 1}, time.Minute); out != "" {
			t.Errorf("without copies: %s", out)
		}
	})
}
