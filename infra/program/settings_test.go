package program

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type shared struct {
	DatabaseURL string `env:"DATABASE_URL" need:"serve" doc:"The database."`
}

type full struct {
	shared
	Wait   time.Duration `env:"WAIT" envDefault:"1s" doc:"How long."`
	Relay  Switch        `env:"RELAY" envDefault:"on" doc:"Publish."`
	Names  []string      `env:"NAMES" envDefault:"a,b" doc:"Some."`
	APIKey string        `env:"API_KEY" need:"serve" doc:"The key."`
}

func TestSettingsListsTheTags(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range Settings(full{}) {
		got = append(got, strings.Join([]string{s.Env, s.Flag, s.Default, s.Kind, strings.Join(s.Need, ","), s.Doc}, "|"))
	}
	require.Equal(t, []string{
		"DATABASE_URL|||text|serve|The database.",
		"WAIT|wait|1s|duration||How long.",
		"RELAY|relay|on|on or off||Publish.",
		"NAMES|names|a,b|list||Some.",
		"API_KEY|||text|serve|The key.",
	}, got)
}

func TestEveryFaultyLineOfSettingsIsNamedAndNoValueShown(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	spec := Spec[full]{Name: "x", Serve: func(context.Context, full) error { return errors.New("must not run") }}
	code := spec.execute(t.Context(), []string{"--wait", "s3cret"}, []string{"RELAY=s3cret"}, &stdout, &stderr)
	require.Equal(t, ExitUsage, code)
	require.Equal(t, `x: DATABASE_URL is not set: The database.
x: API_KEY is not set: The key.
x: WAIT (--wait) must be a duration such as "500ms" or "10s": How long.
x: RELAY (--relay) must be on or off: Publish.
`, stderr.String())
}

func TestHelpShowsAnExampleAndEverySetting(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	spec := Spec[full]{Name: "x", Short: "Does x", Example: "  x --wait 2s", Serve: nil, Migrate: func(context.Context, full) error { return nil }}
	require.Equal(t, ExitOK, spec.execute(t.Context(), []string{"--help"}, nil, &stdout, &stderr))
	for _, want := range []string{"x --wait 2s", "--relay", "WAIT=1s", "migrate", "serve", "version", "DATABASE_URL", "API_KEY"} {
		require.Contains(t, stdout.String(), want)
	}
	require.Empty(t, stderr.String())
	stdout.Reset()
	require.Equal(t, ExitUsage, spec.execute(t.Context(), []string{"swim"}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "unknown command")
}

func TestTogetherStopsInOrder(t *testing.T) {
	t.Parallel()
	var stopped []string
	component := func(name string, err error) func(context.Context) error {
		return func(ctx context.Context) error {
			<-ctx.Done()
			stopped = append(stopped, name) // in turn, so without a lock: the race detector would say
			return err
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, Together(ctx, component("api", nil), component("machine", nil), component("admin", context.Canceled)))
	require.Equal(t, []string{"api", "machine", "admin"}, stopped)
}

func TestTogetherStopsAllWhenOneFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := Together(t.Context(),
		func(ctx context.Context) error { <-ctx.Done(); return nil },
		func(context.Context) error { return broken },
	)
	require.ErrorIs(t, err, broken)
}

// Not parallel: signals are for the whole process.
func TestSignalsStopTheProgram(t *testing.T) { //nolint:paralleltest // see above
	for _, tt := range []struct {
		signal syscall.Signal
		want   int
	}{{syscall.SIGTERM, ExitOK}, {syscall.SIGINT, ExitInterrupted}} {
		code := untilSignal(t.Context(), "x", t.Output(), func(ctx context.Context) error {
			if err := syscall.Kill(syscall.Getpid(), tt.signal); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		})
		require.Equal(t, tt.want, code)
	}
}
