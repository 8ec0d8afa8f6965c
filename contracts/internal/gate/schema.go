package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// object is a JSON Schema.
type object = map[string]any

// comparison of two schemas, whose definitions may have other names.
type comparison struct {
	old, now object // definitions
	faults   []string
}

// schemas returns how a schema is more than an optional addition to another one.
func schemas(old, now []byte) []string {
	var before, after object
	if err := json.Unmarshal(old, &before); err != nil {
		return []string{"the published schema is no JSON: " + err.Error()}
	}
	if err := json.Unmarshal(now, &after); err != nil {
		return []string{"the schema is no JSON: " + err.Error()}
	}
	c := &comparison{old: definitions(before), now: definitions(after)}
	c.compare("", before, after)
	return c.faults
}

func definitions(schema object) object {
	d, _ := schema["$defs"].(object)
	return d
}

func (c *comparison) fault(at, format string, args ...any) {
	if at == "" {
		at = "/"
	}
	c.faults = append(c.faults, at+" "+fmt.Sprintf(format, args...))
}

// words for people only: they may change.
var words = []string{"$schema", "$id", "$defs", "title", "description"}

// compare holds one schema against the other, at a JSON pointer into the value.
func (c *comparison) compare(at string, old, now object) {
	old, now = resolved(old, c.old), resolved(now, c.now)
	for _, keyword := range slices.Sorted(maps.Keys(merged(old, now))) {
		before, after := old[keyword], now[keyword]
		switch keyword {
		case "properties":
			c.properties(at, before, after)
		case "items":
			c.compare(at+"/*", asObject(before), asObject(after))
		case "required":
			c.required(at, asStrings(before), asStrings(after))
		case "enum":
			c.enum(at, asStrings(before), asStrings(after))
		case "type", "format", "pattern", "const", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems":
			if !reflect.DeepEqual(before, after) {
				c.fault(at, "has another %s: %v, it was %v", keyword, said(after), said(before))
			}
		default:
			if !slices.Contains(words, keyword) {
				c.fault(at, "has the keyword %q, which the gate does not know: teach it", keyword)
			}
		}
	}
}

func (c *comparison) properties(at string, before, after any) {
	old, now := asObject(before), asObject(after)
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[name]; !ok {
			c.fault(at+"/"+name, "is no longer there")
			continue
		}
		c.compare(at+"/"+name, asObject(old[name]), asObject(now[name]))
	}
}

// required: what is new must be optional, because old records do not have it; what readers were promised stays.
func (c *comparison) required(at string, old, now []string) {
	for _, name := range now {
		if !slices.Contains(old, name) {
			c.fault(at+"/"+name, "is required now, and old records do not have it")
		}
	}
	for _, name := range old {
		if !slices.Contains(now, name) {
			c.fault(at+"/"+name, "is no longer always there")
		}
	}
}

// enum: lists are closed (docs/decisions/0001): who decides by them knows them all.
func (c *comparison) enum(at string, old, now []string) {
	for _, value := range old {
		if !slices.Contains(now, value) {
			c.fault(at, "can no longer be %q", value)
		}
	}
	for _, value := range now {
		if !slices.Contains(old, value) {
			c.fault(at, "can be %q now, which no reader knows", value)
		}
	}
}

// resolved follows a reference.
func resolved(s, definitions object) object {
	name, ok := s["$ref"].(string)
	if !ok {
		return s
	}
	return asObject(definitions[name[strings.LastIndexByte(name, '/')+1:]])
}

func merged(a, b object) object {
	all := maps.Clone(a)
	if all == nil {
		all = object{}
	}
	maps.Copy(all, b)
	return all
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

func asStrings(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func said(v any) any {
	if v == nil {
		return "none"
	}
	return v
}
