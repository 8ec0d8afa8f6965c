package lives

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/e2e"
	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/repeats"
)

var update = flag.Bool("update", false, "keep what the checker read, for its own tests to tamper with")

const recording = "../../internal/check/testdata/lives.gz"

// Every kind of life holds, and what does not end is excused by name. Then every consumer is rewound to offset 0, reads
// everything again, and nothing is sent and nobody is called (I10).
func TestEveryLifeHoldsAndRewindingDoesNothing(t *testing.T) {
	w := begin(t, 1)
	w.live(t)
	live, err := read.Open(t.Context(), w.Addresses())
	require.NoError(t, err)
	defer live.Close()

	var recorder *check.Recorder
	task := read.Task{Wait: time.Minute, Tell: func(s string) { t.Log(s) }}
	task.Inputs.Goods, err = w.Addresses().Goods()
	require.NoError(t, err)
	for _, id := range w.Placed {
		task.Inputs.Accepted = append(task.Inputs.Accepted, check.ID(id))
	}
	task.Digest = true
	task.Front = func(s check.Source) check.Source {
		recorder = check.NewRecorder(s, task.Inputs)
		return recorder
	}
	before, _, err := live.Judge(t.Context(), task)
	require.NoError(t, err)
	require.Empty(t, before.Violations)
	require.Equal(t, map[string]int{"completed": 5, "rejected": 8, "cancelled": 2, "open": 2}, before.Outcomes)
	require.Equal(t, map[string]int{"waived": 1, "owed": 1, "behind a dead letter of warehouse": 1}, before.Excused)
	if *update {
		file, err := os.Create(recording)
		require.NoError(t, err)
		require.NoError(t, recorder.Kept().Write(file))
		require.NoError(t, file.Close())
	}

	view := w.view(t)
	for _, database := range []string{"orders", "payments", "warehouse", "processmanager", "orderview"} {
		w.SQL(t, database, "UPDATE positions SET next = 0, owner = ''")
	}
	task.Front, task.Baseline = nil, before.Baseline
	after, _, err := live.Judge(t.Context(), task)
	require.NoError(t, err)
	require.Empty(t, after.Violations)
	require.Equal(t, before.Outcomes, after.Outcomes)
	require.Equal(t, view, w.view(t))
	if path := os.Getenv(e2e.Repeats); path != "" {
		counts, err := repeats.Read(t.Context(), w.Stack)
		require.NoError(t, err)
		require.NoError(t, counts.Keep(path))
	}
}
