package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/screen"
)

// change are the flags of whatever changes something.
type change struct {
	reason string
	yes    bool
}

func (c *change) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.reason, "reason", "", "why, in your words; it is kept for ever (required)")
	cmd.Flags().BoolVar(&c.yes, "yes", false, "do not ask for confirmation")
}

var errNotConfirmed = errors.New("not confirmed: nothing was changed")

// confirm asks whether to do it. Without a terminal there is nobody to ask: then --yes must have been given.
func (a *app) confirm(cmd *cobra.Command, c *change, what string) error {
	if strings.TrimSpace(c.reason) == "" {
		return program.Usage(errors.New("--reason is not set: say why, in your words; it is kept in the history"))
	}
	if c.yes {
		return nil
	}
	if file, ok := a.in.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return program.Usage(errors.New("this changes something, and there is no terminal to ask for confirmation: give --yes"))
	}
	cmd.PrintErrf("%s [y/N] ", screen.OneLine(what))
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(a.in).ReadString('\n')
		if err != nil {
			line = ""
		}
		answer <- line
	}()
	select {
	case <-cmd.Context().Done():
		return cmd.Context().Err()
	case line := <-answer:
		if word := strings.ToLower(strings.TrimSpace(line)); word != "y" && word != "yes" {
			return errNotConfirmed
		}
		return nil
	}
}

// sentence ends a question about something.
func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) + "?" }
