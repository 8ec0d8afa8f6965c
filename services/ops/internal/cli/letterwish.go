package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/ops/internal/adminapi"
)

// reasoned is a wish that needs no more than a reason.
type reasoned struct {
	Reason string `json:"reason"`
}

func (a *app) letterRedrive() *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use: "redrive PROGRAM LETTER", Short: "Handle a letter, and all that wait with it, again", Args: cobra.ExactArgs(2),
		Long: `Handle the letters of a letter's order again, from the first one on, in their order, until none is left or one fails again.
Then the order flows again. Exit code 1: one failed again.`,
		Example: "  orderctl deadletters redrive payment 42 --reason 'the fixed build runs'", ValidArgsFunction: a.letterArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, l, err := a.letterAt(cmd, args)
			if err != nil {
				return err
			}
			if err := a.confirm(cmd, &c, sentence("Redrive %s", describe(&l))); err != nil {
				return err
			}
			r, err := redrive(cmd, client, l.ID, c.reason)
			if err != nil {
				return err
			}
			return a.showRedriven(cmd, &l, &r)
		},
	}
	c.register(cmd)
	return cmd
}

// redrive goes on with the same wish where its time ran out.
func redrive(cmd *cobra.Command, c adminapi.Client, letter int64, reason string) (r adminapi.Redriven, err error) {
	key := adminapi.NewKey()
	for {
		r = adminapi.Redriven{}
		if err := c.WishAs(cmd.Context(), letterPath(letter)+"/redrive", key, reasoned{reason}, &r); err != nil {
			return r, err
		}
		if r.Entry.Ended || r.Stopped != nil || r.Left == 0 {
			return r, nil
		}
	}
}

func (a *app) showRedriven(cmd *cobra.Command, l *adminapi.Letter, r *adminapi.Redriven) error {
	s := a.screen(cmd)
	if s.JSON {
		if err := s.Encode(r, true); err != nil {
			return err
		}
	} else if err := s.Line("handled %d, %d wait on", r.Entry.Handled, r.Left); err != nil {
		return err
	}
	if r.Stopped != nil {
		return fmt.Errorf("letter %d failed again: %s: %s; look at it with orderctl deadletters show %s %d",
			r.Stopped.ID, r.Stopped.Reason, optional(r.Stopped.Error), l.Group, r.Stopped.ID)
	}
	return nil
}

func (a *app) letterDiscard() *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use: "discard PROGRAM LETTER", Short: "Give a letter up, for ever", Args: cobra.ExactArgs(2),
		Long:    "Give a letter up, for ever: it is never handled; the audit keeps its bytes. Others of its order wait on until they are redriven.",
		Example: "  orderctl deadletters discard warehouse 42 --reason 'sent by a test tool, nobody waits for it'", ValidArgsFunction: a.letterArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, l, err := a.letterAt(cmd, args)
			if err != nil {
				return err
			}
			if err := a.confirm(cmd, &c, sentence("Discard %s for ever", describe(&l))); err != nil {
				return err
			}
			var entry adminapi.LetterEntry
			if err := client.Wish(cmd.Context(), letterPath(l.ID)+"/discard", reasoned{c.reason}, &entry); err != nil {
				return err
			}
			return a.showEntry(cmd, &entry, "discarded")
		},
	}
	c.register(cmd)
	return cmd
}

func (a *app) letterEdit() *cobra.Command {
	var c change
	var body string
	var headers []string
	cmd := &cobra.Command{
		Use: "edit PROGRAM LETTER", Short: "Replace the bytes of a letter, before it is redriven", Args: cobra.ExactArgs(2),
		Long: `Replace the bytes of a letter: by what $VISUAL or $EDITOR makes of them, or by a file. The letter stays where it is in its queue
until it is redriven. An edit that leaves it unreadable, or makes it another order's, is refused. The audit keeps what it was.`,
		Example: "  orderctl deadletters edit payment 42 --reason 'the sender forgot the currency'\n" +
			"  orderctl deadletters edit payment 42 --body fixed.json --reason 'the sender forgot the currency' --yes\n" +
			"  orderctl deadletters edit payment 42 --header ce_type=AuthorizePayment.v1 --reason 'misspelled by the sender' --yes",
		ValidArgsFunction: a.letterArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, l, err := a.letterAt(cmd, args)
			if err != nil {
				return err
			}
			edit := adminapi.LetterEdit{Reason: c.reason}
			if edit.Headers, err = merged(l.Record, headers); err != nil {
				return err
			}
			if body != "" || len(headers) == 0 {
				if edit.Value, err = a.newValue(cmd, &l, body); err != nil {
					return err
				}
			}
			if err := a.confirm(cmd, &c, sentence("Replace the bytes of %s", describe(&l))); err != nil {
				return err
			}
			var entry adminapi.LetterEntry
			if err := client.Wish(cmd.Context(), letterPath(l.ID)+"/edit", edit, &entry); err != nil {
				return err
			}
			return a.showEntry(cmd, &entry, "edited; hand it back with: orderctl deadletters redrive "+l.Group+" "+args[1]+" --reason …")
		},
	}
	cmd.Flags().StringVar(&body, "body", "", "file with the new value; - for standard input")
	cmd.Flags().StringArrayVar(&headers, "header", nil, "NAME=VALUE: a header to add or replace; the others stay")
	c.register(cmd)
	return cmd
}

func (a *app) showEntry(cmd *cobra.Command, entry *adminapi.LetterEntry, said string) error {
	s := a.screen(cmd)
	if s.JSON {
		return s.Encode(entry, true)
	}
	return s.Line("%s", said)
}

// merged are all headers with the given ones added or replaced; none where none was given.
func merged(r *adminapi.LetterRecord, given []string) ([]adminapi.Header, error) {
	if len(given) == 0 {
		return nil, nil
	}
	var out []adminapi.Header
	if r != nil {
		out = append(out, r.Headers...)
	}
	for _, pair := range given {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, program.Usage(fmt.Errorf("--header %q: give NAME=VALUE", pair))
		}
		header := adminapi.Header{Name: name, Value: adminapi.BytesOf([]byte(value))}
		replaced := false
		for i := range out {
			if out[i].Name == name {
				out[i], replaced = header, true
			}
		}
		if !replaced {
			out = append(out, header)
		}
	}
	return out, nil
}

var errUnchanged = errors.New("nothing was changed: the value is as it was")

// newValue comes from a file, or from an editor that was shown the old one.
func (a *app) newValue(cmd *cobra.Command, l *adminapi.Letter, file string) (*adminapi.Bytes, error) {
	var old []byte
	if l.Record != nil {
		old = l.Record.Value.Raw()
	}
	var fresh []byte
	var err error
	switch file {
	case "":
		fresh, err = a.edited(cmd, old)
	case "-":
		fresh, err = io.ReadAll(a.in)
	default:
		fresh, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, program.Usage(fmt.Errorf("new value: %w", err))
	}
	if !bytes.HasSuffix(old, []byte("\n")) { // most editors, and echo, end the last line
		fresh = bytes.TrimSuffix(fresh, []byte("\n"))
	}
	if bytes.Equal(fresh, old) {
		return nil, errUnchanged
	}
	return adminapi.BytesOf(fresh), nil
}

// edited lets the operator's editor change the bytes.
func (a *app) edited(cmd *cobra.Command, old []byte) (fresh []byte, err error) {
	editor := a.variable("VISUAL")
	if editor == "" {
		editor = a.variable("EDITOR")
	}
	if editor == "" {
		return nil, errors.New("there is no editor: set EDITOR, or give --body FILE")
	}
	f, err := os.CreateTemp("", "orderctl-*.json")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(old)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	// EDITOR may have arguments, so a shell splits it, as git does.
	run := exec.CommandContext(cmd.Context(), "sh", "-c", editor+` "$1"`, editor, f.Name())
	run.Stdin, run.Stdout, run.Stderr = a.in, cmd.OutOrStdout(), a.errs
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", editor, err)
	}
	return os.ReadFile(f.Name())
}

// variable of the environment, "" where it is not set.
func (a *app) variable(name string) (value string) {
	for _, pair := range a.environment {
		if n, v, _ := strings.Cut(pair, "="); n == name {
			value = v
		}
	}
	return value
}
