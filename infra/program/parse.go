package program

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

var errNotASwitch = errors.New("neither on nor off")

// Validator is a configuration that checks itself further, after all its fields were read. It may join several errors.
type Validator interface{ Validate() error }

// Parse fills config, a pointer to a struct (see Setting), from environment, as os.Environ gives it, and overrides, by
// variable name, which win. command is what the program is asked to do. The error has one line for every fault, each
// saying what to set; it never shows a value, and it is an ErrUsage.
func Parse(config any, command string, environment []string, overrides map[string]string) error {
	settings := Settings(config)
	values := env.ToMap(environment)
	for name, value := range overrides {
		values[name] = value
	}
	var faults []error
	for _, s := range settings {
		if slices.Contains(s.Need, command) && values[s.Env] == "" && s.Default == "" {
			faults = append(faults, fmt.Errorf("%s is not set: %s", s.spelled(), s.Doc))
		}
	}
	err := env.ParseWithOptions(config, env.Options{Environment: values})
	faults = append(faults, explain(settings, config, err)...)
	if v, ok := config.(Validator); ok && len(faults) == 0 {
		if err := v.Validate(); err != nil {
			faults = append(faults, err)
		}
	}
	return Usage(errors.Join(faults...))
}

// explain turns the parser's errors, which name fields and show values, into lines that name settings and show none.
func explain(settings []Setting, config any, err error) []error {
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []error{err}
	}
	out := make([]error, 0, len(all.Errors))
	for _, err := range all.Errors {
		var unset env.VarIsNotSetError
		var empty env.EmptyVarError
		var parse env.ParseError
		switch {
		case errors.As(err, &unset):
			out = append(out, fmt.Errorf("%s is not set", unset.Key))
		case errors.As(err, &empty):
			out = append(out, fmt.Errorf("%s is empty", empty.Key))
		case errors.As(err, &parse):
			out = append(out, misread(settings, config, parse.Name))
		default:
			out = append(out, err)
		}
	}
	return out
}

func misread(settings []Setting, config any, field string) error {
	t := reflect.TypeOf(config).Elem()
	for _, s := range settings {
		if t.FieldByIndex(s.index).Name == field {
			return fmt.Errorf("%s must be %s: %s", s.spelled(), wanted(s.Kind), s.Doc)
		}
	}
	return fmt.Errorf("%s cannot be read", field)
}

// spelled is how to set it.
func (s Setting) spelled() string {
	if s.Flag == "" {
		return s.Env
	}
	return s.Env + " (--" + s.Flag + ")"
}

func wanted(kind string) string {
	switch kind {
	case "duration":
		return `a duration such as "500ms" or "10s"`
	case "number", "list":
		return "a " + kind
	}
	return kind
}

// lines splits a joined error for printing.
func lines(err error) []string { return strings.Split(err.Error(), "\n") }
