package exploration

import (
	"os"
	"strconv"
	"testing"
"strings"
"fmt"
	"time"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga/explore"
)

func TestExplore(t *testing.T) {
	k, _ := strconv.Atoi(os.Getenv("K"))
	begin := time.Now()
	_ = 1
	c := Config(fulfilment.V1, k)
	c.Progress = func(f, n int) { if os.Getenv("P") != "" { println(f, n) } }
	if os.Getenv("W") != "" {
		c.Workers, _ = strconv.Atoi(os.Getenv("W"))
	}
	x := " " + os.Getenv("X") + " "
	explore.Debug = func(action, at, wish int, text string) bool {
		return strings.Contains(x, fmt.Sprintf(" %d ", action)) || action == 6 && strings.Contains(text, "every") && strings.Contains(x, " all ") || action == 8 && strings.Contains(x, fmt.Sprintf(" w%d ", wish))
	}
	r, err := explore.Explore(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(begin))
	for k, l := range r.Levels {
		t.Logf("%d %+v", k, l)
	}
	if v := r.Violation; v != nil {
		t.Errorf("%d faults: %s", v.Faults, v.Problem)
		for _, l := range v.Story {
			t.Log(l)
		}
	}
	for d, e := range r.Outcomes {
		t.Log(d, " => ", e)
	}
	t.Log(r.Stuck)
	t.Log(len(r.Cells))
}
