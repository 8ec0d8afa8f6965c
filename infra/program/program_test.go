package program_test

import (
	"context"
	"errors"
	"fmt"
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
