package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/gotest"
	"ordersaga.internal/scripts/internal/scenarios"
	"ordersaga.internal/scripts/internal/stack"
)

// modules returns the folders of all modules of the workspace.
func modules(ctx context.Context, root string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of go.work: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// step is one part of the test run.
type step struct {
	name string
	slow bool // left out by --fast
	run  func(ctx context.Context, root string, out io.Writer) error
}

func testCommand() *cobra.Command {
	var fast bool
	var only string
	cmd := &cobra.Command{
		Use: "test", Short: "Run everything that CI runs", Args: cobra.NoArgs,
		Example: "  scripts/test\n  scripts/test --fast\n  scripts/test --only tests\n  scripts/test --only trace,e2e,schemathesis",
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := stack.FindRoot()
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			return runSteps(cmd.Context(), root, fast, only, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&fast, "fast", false, "only what takes under 90 s: build, vet, tests")
	cmd.Flags().StringVar(&only, "only", "", "steps by name, with commas")
	return cmd
}

// testRun is what the steps of one run share.
type testRun struct {
	total  gotest.Counts
	ran    scenarios.Ran
	shared sharedStack
}

// count adds a package's or module's tests and shows them.
func (r *testRun) count(name string, c gotest.Counts, out io.Writer) {
	fmt.Fprintf(out, "%-20s %4d passed, %d failed, %d skipped, %5.1f s\n", name, c.Passed, c.Failed, c.Skipped, c.Seconds)
	r.total.Add(c)
	for _, t := range c.Tests {
		r.ran.Note(strings.TrimPrefix(t.Package, modulePrefix), t.Test, t.Passed)
	}
}

func (r *testRun) steps() []step {
	return []step{
		{"modules", true, checkModules},
		{"lint", true, lint},
		{"generated", true, checkGenerated},
		{"tests", false, r.tests},
		{"explore", true, inTurn(script("explore"), script("explore", "--mutants", "--fast"))},
		{"crash", true, r.crash},
		{"demo", true, script("demo")},
		{"demo-apache", true, script("demo", "--kafka", "apache", "--replicas", "2")},
		{"bench", true, script("bench", "-n", "3000", "--warmup", "500", "--kafka", "apache")},
		{"overload", true, script("overload", "--limit", "50", "--offered", "200", "--before", "3s", "--flood", "5s", "--after", "3s", "--ignore-times")},
		{"poison", true, script("poison", "--kafka", "apache", "--pairs", "1", "--rate", "100", "--seconds", "6s", "--warmup", "2s", "--one-in", "20", "--ignore-times")},
		{"upgrade", true, script("upgrade", "--kafka", "apache", "--rest", "1s", "--least", "10")},
		{"rebuild", true, script("rebuild", "-n", "5000", "--kafka", "apache")},
		{"howto", true, r.howTo},
		{"tap", true, script("tap-check")},
		{"trace", true, r.endToEnd("-run", "^TestTrace")},
		{"e2e", true, r.endToEnd("-skip", "^Test(Trace|Schemathesis)")},
		{"schemathesis", true, r.endToEnd("-run", "^TestSchemathesis")},
		{"e2e-twice", true, r.twice},
		{"scenarios", true, r.scenarios},
		{"chaos", true, script("chaos", "--minutes", "1.25", "--kafka", "apache")},
	}
}

func runSteps(ctx context.Context, root string, fast bool, only string, out io.Writer) error {
	r := &testRun{ran: scenarios.Ran{}}
	defer r.shared.down()
	var failed []string
	ran := 0
	for _, s := range r.steps() {
		if only != "" && !slices.Contains(strings.Split(only, ","), s.name) || only == "" && fast && s.slow {
			continue
		}
		ran++
		begin := time.Now()
		fmt.Fprintf(out, "=== %s\n", s.name)
		err := s.run(ctx, root, out)
		verdict := "ok"
		if err != nil {
			verdict = "FAILED: " + err.Error()
			failed = append(failed, s.name)
		}
		r.ran.Note(scenarios.Gate, s.name, err == nil)
		fmt.Fprintf(out, "=== %-12s %5.1f s  %s\n", s.name, time.Since(begin).Seconds(), verdict)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %w", ctx.Err())
		}
	}
	if ran == 0 {
		return fmt.Errorf("%w: --only %q: no such step", errUsage, only)
	}
	if r.total.Seconds > 0 {
		fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", r.total.Passed, r.total.Failed, r.total.Skipped)
	}
	if err := r.table(out, ran == len(r.steps())); err != nil {
		fmt.Fprintln(out, err)
		failed = append(failed, "the table of scenarios")
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// command runs a program in a folder and returns its output with its error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s %s: %w\n%s", dir, name, strings.Join(args, " "), err, out)
	}
	return nil
}

// checkModules builds and vets each module by itself: in a workspace a module can import a sibling that it never required.
func checkModules(ctx context.Context, root string, _ io.Writer) error {
	all, err := modules(ctx, root)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range all {
		for _, args := range [][]string{{"mod", "tidy", "-diff"}, {"build", "./..."}, {"vet", "-tags", "crash,duplicator", "./..."}} {
			errs = append(errs, command(ctx, m, []string{"GOWORK=off"}, "go", args...))
		}
	}
	return errors.Join(errs...)
}

func lint(ctx context.Context, root string, _ io.Writer) error {
	return command(ctx, root, nil, filepath.Join(root, "scripts", "lint"))
}

// checkGenerated generates again and fails where a file changed.
func checkGenerated(ctx context.Context, root string, _ io.Writer) error {
	return command(ctx, root, nil, filepath.Join(root, "scripts", "generate"), "--check")
}

func script(name string, args ...string) func(context.Context, string, io.Writer) error {
	return func(ctx context.Context, root string, out io.Writer) error {
		cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", name), args...)
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("scripts/%s %s: %w", name, strings.Join(args, " "), err)
		}
		return nil
	}
}

// inTurn runs all of them, whatever becomes of those before.
func inTurn(runs ...func(context.Context, string, io.Writer) error) func(context.Context, string, io.Writer) error {
	return func(ctx context.Context, root string, out io.Writer) error {
		var errs []error
		for _, run := range runs {
			errs = append(errs, run(ctx, root, out))
		}
		return errors.Join(errs...)
	}
}

// tests runs every module's tests on one PostgreSQL and one Apache Kafka. A skipped test is a failed one.
func (r *testRun) tests(ctx context.Context, root string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "ordersaga-test-*")
	if err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	pg, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{Dir: filepath.Join(dir, "postgres"), Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		return err
	}
	defer pg.Stop()
	env := []string{"ORDERSAGA_TEST_POSTGRES=" + pg.URL("postgres", "postgres")}
	if localstack.HasJava() {
		k, err := localstack.StartApacheKafka(ctx, localstack.ApacheKafkaConfig{Dir: filepath.Join(dir, "kafka")})
		if err != nil {
			return err
		}
		defer k.Stop()
		env = append(env, "ORDERSAGA_TEST_KAFKA_APACHE="+k.Addr)
	}
	all, err := modules(ctx, root)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range all {
		packages, err := packages(ctx, m)
		if err != nil {
			return err
		}
		c, err := gotest.Run(ctx, m, env, out, packages...)
		m = strings.TrimPrefix(m, root+"/")
		r.count(m, c, out)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m, err))
		}
	}
	return errors.Join(errs...)
}

// howTo does what the pages say that tell how to add a service and a step, to a copy of the checkout.
func (r *testRun) howTo(ctx context.Context, root string, out io.Writer) error {
	c, err := gotest.Run(ctx, filepath.Join(root, "scripts"), nil, out, "./e2e/howto")
	r.count("scripts/e2e/howto", c, out)
	return err
}

// packages returns those of a module, without the end-to-end tests, which are steps of their own.
func packages(ctx context.Context, module string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "./...")
	cmd.Dir = module
	listed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", module, err)
	}
	return slices.DeleteFunc(strings.Fields(string(listed)), func(p string) bool {
		return strings.HasSuffix(p, "/scripts/e2e") || strings.HasSuffix(p, "/scripts/e2e/scenarios") || strings.HasSuffix(p, "/scripts/e2e/howto")
	}), nil
}
