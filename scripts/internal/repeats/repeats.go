// Package repeats collects what the duplicator counted: programs that are built with the tag duplicator decide every input
// twice (infra/messaging/docs/decisions), and say so on /metrics.
package repeats

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ordersaga.internal/scripts/internal/stack"
)

// Count is how often something happened to an input in a program.
type Count struct {
	Program string `json:"program"`
	Kind    string `json:"kind"`  // command, event, deadline, submitted; fault
	Input   string `json:"input"` // its type
	What    string `json:"what"`  // same_batch, later_batch, refused, sent; injected
	N       int    `json:"n"`
}

// Counts of a stack, or of several.
type Counts []Count

var (
	repeat = regexp.MustCompile(`^duplicator_repeats_total\{group="([^"]*)",input="([^"]*)",kind="([^"]*)",what="([^"]*)"\} ([0-9.e+]+)$`)
	fault  = regexp.MustCompile(`^duplicator_faults_total\{fault="([^"]*)",group="([^"]*)"\} ([0-9.e+]+)$`)
)

// Read asks every program of a running stack.
func Read(ctx context.Context, s *stack.Stack) (Counts, error) {
	var all Counts
	for _, p := range s.Programs {
		if p.Service.Admin == 0 { // not ours
			continue
		}
		found, err := ask(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("what came twice in %s: %w", p.Name(), err)
		}
		all = all.Add(found)
	}
	return all, nil
}

func ask(ctx context.Context, p *stack.Program) (found Counts, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.AdminAddr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		var c Count
		var number string
		switch r, f := repeat.FindStringSubmatch(lines.Text()), fault.FindStringSubmatch(lines.Text()); {
		case r != nil:
			c, number = Count{Program: r[1], Kind: r[3], Input: r[2], What: r[4]}, r[5]
		case f != nil:
			c, number = Count{Program: f[2], Kind: "fault", Input: f[1], What: "injected"}, f[3]
		default:
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, err
		}
		c.N = int(n)
		found = append(found, c)
	}
	return found, lines.Err()
}

// Add sums.
func (c Counts) Add(more Counts) Counts {
	for _, m := range more {
		if i := slices.IndexFunc(c, func(k Count) bool { return k.key() == m.key() }); i >= 0 {
			c[i].N += m.N
		} else {
			c = append(c, m)
		}
	}
	return c
}

func (c Count) key() [4]string { return [4]string{c.Kind, c.Program, c.Input, c.What} }

// Keep writes them to a file, for Kept.
func (c Counts) Keep(path string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep the duplicator's counts: %w", err)
	}
	return os.WriteFile(path, b, 0o600)
}

// Kept reads what Keep wrote.
func Kept(path string) (c Counts, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the duplicator's counts: %w", err)
	}
	return c, json.Unmarshal(b, &c)
}

// of sums what happened to an input; "" stands for any program, or any input.
func (c Counts) of(kind, program, input, what string) (n int) {
	for _, k := range c {
		if k.Kind == kind && k.What == what && (program == "" || k.Program == program) && (input == "" || k.Input == input) {
			n += k.N
		}
	}
	return n
}

// String has a line for each kind of input of each program.
func (c Counts) String() string {
	out := &strings.Builder{}
	sorted := slices.Clone(c)
	slices.SortFunc(sorted, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Program, b.Program), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Input, b.Input))
	})
	fmt.Fprintf(out, "%-16s %-10s %-28s %12s %15s %8s %5s\n", "", "", "came twice", "in one batch", "in a later one", "refused", "sent")
	var last [3]string
	for _, k := range sorted {
		if line := [3]string{k.Program, k.Kind, k.Input}; line != last && k.Kind != "fault" {
			last = line
			of := func(what string) int { return c.of(k.Kind, k.Program, k.Input, what) }
			fmt.Fprintf(out, "%-16s %-10s %-28s %12d %15d %8d %5d\n", k.Program, k.Kind, k.Input, of("same_batch"), of("later_batch"), of("refused"), of("sent"))
		}
	}
	fmt.Fprintf(out, "and %d loads and %d saves failed, %d times a topic was late\n",
		c.of("fault", "", "load", "injected"), c.of("fault", "", "save", "injected"), c.of("fault", "", "delay", "injected"))
	return out.String()
}
