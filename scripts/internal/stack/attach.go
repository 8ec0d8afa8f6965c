package stack

import (
	"encoding/json"
	"fmt"
	"os"
)

// description is what another process must know of a running stack.
type description struct {
	Root, Dir, Brokers, Superuser, JaegerUI string
	Programs                                []*Program
}

// Describe writes where everything is into a file, for Attach.
func (s *Stack) Describe(path string) error {
	b, err := json.Marshal(description{s.Config.Root, s.Config.Dir, s.Brokers, s.superuser, s.JaegerUI, s.Programs})
	if err != nil {
		return fmt.Errorf("describe the stack: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("describe the stack: %w", err)
	}
	return nil
}

// Attach returns the stack that another process described: to talk to, not to start or stop anything of.
func Attach(path string) (*Stack, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("attach to a stack: %w", err)
	}
	var d description
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("attach to a stack: %s: %w", path, err)
	}
	s := &Stack{
		Config: Config{Root: d.Root, Dir: d.Dir}, Brokers: d.Brokers, Programs: d.Programs, JaegerUI: d.JaegerUI, superuser: d.Superuser,
	}
	if s.Keys, err = OpenKeys(d.Dir); err != nil {
		return nil, err
	}
	return s, nil
}
