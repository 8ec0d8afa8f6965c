package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// archiveResult is what a run prints. cpu_s is CPU seconds, user and system, by process while it archived.
type archiveResult struct {
	Messages     int                `json:"messages"`
	BytesEach    int                `json:"bytes_each"` // key, value and headers, on average
	DiskEach     int                `json:"disk_bytes_each"`
	Seconds      float64            `json:"seconds"` // from the first to the last commit seen
	FromStart    float64            `json:"seconds_from_start"`
	MessagesPerS float64            `json:"messages_per_s"`
	CPU          map[string]float64 `json:"cpu_s"`
	VerifySecs   float64            `json:"verify_seconds"`
	Verdict      string             `json:"verdict"`
}

type archiveBench struct {
	stack  stack.Config
	n      int
	output string
}

func archiveBenchCommand() *cobra.Command {
	o := archiveBench{stack: stack.Config{Services: []stack.Service{stack.Archive()}}}
	cmd := &cobra.Command{
		Use: "archive-bench", Short: "Archive many messages on a fresh stack, measure, and verify", Args: cobra.NoArgs,
		Long: `Starts PostgreSQL and a broker in a temporary folder, produces the messages of whole orders to every topic of the
contract, then starts the archive, measures until it has all of them, and lets it verify: its hash chains, and every record
against Kafka. Exit code 1: it does not hold.`,
		Example: "  scripts/archive-bench -n 1000000 --kafka apache\n  scripts/archive-bench -n 100000 -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	stackFlags(cmd, &o.stack, 1)
	cmd.Flags().IntVarP(&o.n, "messages", "n", 1_000_000, "messages to archive")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

func (o *archiveBench) run(ctx context.Context, out io.Writer) (err error) {
	if o.n < 1 {
		return fmt.Errorf("%w: -n must be positive", errUsage)
	}
	if err := finish(&o.stack); err != nil {
		return err
	}
	if o.stack.Dir, err = os.MkdirTemp("", "ordersaga-*"); err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.stack.Dir)) }()
	s, err := stack.Up(ctx, o.stack)
	if err != nil {
		return err
	}
	defer s.Down()
	r, err := o.measure(ctx, s)
	if err != nil {
		return err
	}
	return r.print(out, o.output)
}

func (o *archiveBench) measure(ctx context.Context, s *stack.Stack) (*archiveResult, error) {
	for _, p := range s.Programs { // all of it is in Kafka before it begins
		p.Process().Stop(syscall.SIGTERM, 15*time.Second)
	}
	fmt.Fprintf(os.Stderr, "producing %d messages\n", o.n)
	bytes, err := load.Lives(ctx, s.Brokers, s.Config.Root, o.n)
	if err != nil {
		return nil, err
	}
	r := &archiveResult{Messages: o.n, BytesEach: int(bytes / int64(o.n)), CPU: map[string]float64{}}
	url, err := s.Database("archive")
	if err != nil {
		return nil, err
	}
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("look into the archive: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is pending

	fmt.Fprintln(os.Stderr, "archiving")
	start := time.Now()
	for _, p := range s.Programs {
		if err := p.Start(); err != nil {
			return nil, err
		}
	}
	before, err := cpuTimes(s)
	if err != nil {
		return nil, err
	}
	first, last, err := o.await(ctx, s, db)
	if err != nil {
		return nil, err
	}
	after, err := cpuTimes(s)
	if err != nil {
		return nil, err
	}
	r.Seconds, r.FromStart = last.Sub(first).Seconds(), last.Sub(start).Seconds()
	r.MessagesPerS = float64(o.n) / r.Seconds
	for name, used := range after {
		r.CPU[name] = used - before[name]
	}
	delete(r.CPU, "load generator") // it only looks on
	var disk int
	if err := db.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&disk); err != nil {
		return nil, fmt.Errorf("look into the archive: %w", err)
	}
	r.DiskEach = disk / o.n

	fmt.Fprintln(os.Stderr, "verifying")
	begin := time.Now()
	r.Verdict, err = s.Program("archive").Ask(ctx, "verify", "--verify-wait", "10s")
	r.VerifySecs = time.Since(begin).Seconds()
	return r, err
}

// await waits for all messages and returns when the program began to work, as seen from outside, and when it had all.
func (o *archiveBench) await(ctx context.Context, s *stack.Stack, db *pgx.Conn) (first, last time.Time, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var have int
		if err := db.QueryRow(ctx, `SELECT coalesce(sum(records), 0) FROM stream`).Scan(&have); err != nil {
			return first, last, fmt.Errorf("look into the archive: %w", err)
		}
		if first.IsZero() && s.Program("archive").Ready(ctx) == nil { // it joined: what follows is work
			first = time.Now()
		}
		if have >= o.n {
			return first, time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return first, last, ctx.Err()
		case <-s.Program("archive").Process().Done():
			return first, last, fmt.Errorf("the archive ended\n%s", stack.LastLines(s.Program("archive").Log))
		case <-tick.C:
		}
	}
}

func (r *archiveResult) print(out io.Writer, format string) error {
	if format == "json" {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		return nil
	}
	fmt.Fprintf(out, "messages      %9d   of %d bytes: key, value and headers; %d on disk\n", r.Messages, r.BytesEach, r.DiskEach)
	fmt.Fprintf(out, "archived in   %9.1f   s (from the program's start: %.1f)\n", r.Seconds, r.FromStart)
	fmt.Fprintf(out, "throughput    %9.0f   messages/s\n", r.MessagesPerS)
	total := 0.
	for _, used := range r.CPU {
		total += used
	}
	fmt.Fprintf(out, "CPU           %9.2f   s: %.1f µs a message\n", total, total/float64(r.Messages)*1e6)
	for _, name := range slices.Sorted(maps.Keys(r.CPU)) {
		fmt.Fprintf(out, "  %-18s %6.2f\n", name, r.CPU[name])
	}
	fmt.Fprintf(out, "verified in   %9.1f   s: %s\n", r.VerifySecs, strings.TrimSpace(r.Verdict))
	return nil
}
