package program_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/program"
)

type settings struct {
	Addr    string `env:"HTTP_ADDR" envDefault:"127.0.0.1:1" doc:"where it listens"`
	Workers int    `env:"WORKERS" envDefault:"2" doc:"how many"`
}

func (s settings) Validate() error {
	if s.Workers < 1 {
		return errors.New("WORKERS must be positive")
	}
	return nil
}

func TestFlagsBeatTheEnvironmentAndErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		err  error
		want string
		code int
	}{
		{name: "defaults", want: "127.0.0.1:1 2"},
		{name: "environment", env: []string{"WORKERS=3"}, want: "127.0.0.1:1 3"},
		{name: "flag wins", args: []string{"serve", "--workers", "4"}, env: []string{"WORKERS=3"}, want: "127.0.0.1:1 4"},
		{name: "not a number", env: []string{"WORKERS=x"}, code: program.ExitUsage},
		{name: "validated", env: []string{"WORKERS=0"}, code: program.ExitUsage},
		{name: "unknown flag", args: []string{"--nope"}, code: program.ExitUsage},
		{name: "not reachable", err: fmt.Errorf("%w: db", program.ErrNotReachable), want: "127.0.0.1:1 2", code: program.ExitNotReachable},
		{name: "broken", err: errors.New("broken"), want: "127.0.0.1:1 2", code: program.ExitFailed},
		{name: "version", args: []string{"version", "-o", "json"}},
		{name: "its settings, whatever they are", args: []string{"settings"}, env: []string{"WORKERS=x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			code := program.Run(t.Context(), program.Spec[settings]{Name: "x", Serve: func(_ context.Context, s settings) error {
				got = fmt.Sprint(s.Addr, " ", s.Workers)
				return tt.err
			}}, tt.args, tt.env)
			require.Equal(t, tt.code, code)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestACommandOfItsOwnGetsTheSettings(t *testing.T) {
	t.Parallel()
	type config struct {
		Days int `env:"DAYS" need:"retain" doc:"how many are kept"`
	}
	var got int
	spec := program.Spec[config]{
		Name:  "x",
		Serve: func(context.Context, config) error { return errors.New("not asked for") },
		Commands: []program.Command[config]{{Name: "retain", Short: "Gives up old days", Do: func(_ context.Context, c config, out io.Writer) error {
			got = c.Days
			_, err := fmt.Fprint(out, "")
			return err
		}}},
	}
	require.Equal(t, program.ExitUsage, program.Run(t.Context(), spec, []string{"retain"}, nil), "it needs one")
	require.Equal(t, program.ExitOK, program.Run(t.Context(), spec, []string{"retain", "--days", "3"}, nil))
	require.Equal(t, 3, got)
	require.Equal(t, program.ExitFailed, program.Run(t.Context(), spec, nil, nil))
}
