package httpserver

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// explain says in plain words, without the value, what is wrong and where: one fault for each leaf of the validator's tree.
func explain(faults []FieldError, e *jsonschema.ValidationError) []FieldError {
	at := pointerTo(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf: // the leaves are the faults of forms that were perhaps never meant
		return append(faults, FieldError{at, "has none, or more than one, of the allowed forms"})
	case *kind.Required:
		for _, name := range k.Missing {
			faults = append(faults, FieldError{at + "/" + escape(name), "is required"})
		}
		return faults
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			faults = append(faults, FieldError{at + "/" + shorten(escape(name)), "is not a known field"})
		}
		return faults
	}
	if len(e.Causes) == 0 {
		return append(faults, FieldError{at, describe(e.ErrorKind)})
	}
	for _, cause := range e.Causes {
		faults = explain(faults, cause)
	}
	return faults
}

func describe(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		wanted := make([]string, len(k.Want))
		for i, t := range k.Want {
			wanted[i] = article(t)
		}
		return "must be " + strings.Join(wanted, " or ")
	case *kind.Enum:
		return fmt.Sprintf("must be one of %v", k.Want)
	case *kind.Const:
		return fmt.Sprintf("must be %v", k.Want)
	case *kind.Format:
		return "must be a valid " + k.Want
	case *kind.Pattern:
		return "must match " + k.Want
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	case *kind.UniqueItems:
		return "must not repeat an item"
	}
	return describeSize(k)
}

func describeSize(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items", k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d fields", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d fields", k.Want)
	}
	return "is not as described"
}

func article(jsonType string) string {
	switch jsonType {
	case "integer":
		return "a whole number"
	case "array", "object":
		return "an " + jsonType
	case "boolean":
		return "true or false"
	case "null":
		return "null"
	}
	return "a " + jsonType
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return fmt.Sprint(f)
}

func pointerTo(tokens []string) string {
	var s strings.Builder
	for _, token := range tokens {
		s.WriteString("/" + shorten(escape(token)))
	}
	return s.String()
}

// shorten bounds what a client's own names add to an answer.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
