// Package cpu reads the CPU time of processes from /proc, with all their children.
package cpu

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is what /proc counts in: 1/100 s on every Linux that Go runs on (USER_HZ).
const tick = 10 * time.Millisecond

// Of returns the user and system time of a process, of its living descendants, and of the dead ones that were waited for.
func Of(pid int) (time.Duration, error) {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("read /proc: %w", err)
	}
	used := map[int]time.Duration{}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// The name, in parentheses, may hold spaces.
		f := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+2:]))
		id, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(f[i-3]); return v } // field numbers as in proc(5); all are numbers
		children[n(4)] = append(children[n(4)], id)
		used[id] = time.Duration(n(14)+n(15)+n(16)+n(17)) * tick
	}
	if _, ok := used[pid]; !ok {
		return 0, fmt.Errorf("process %d is gone", pid)
	}
	var sum func(int) time.Duration
	sum = func(id int) time.Duration {
		d := used[id]
		for _, c := range children[id] {
			d += sum(c)
		}
		return d
	}
	return sum(pid), nil
}
