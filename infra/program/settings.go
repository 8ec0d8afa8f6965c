package program

import (
	"reflect"
	"strings"
)

// Setting is one field of a program's configuration struct:
//
//	Addr string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" need:"serve" doc:"Where the API listens."`
//
// need names the commands, separated by commas, that cannot do without it. Secrets (…_KEY, …_SECRET, …_PASSWORD, …_TOKEN
// and the URLs of databases) have no flag.
type Setting struct {
	Env     string   `json:"env"`            // "HTTP_ADDR"
	Flag    string   `json:"flag,omitempty"` // "http-addr"; "" for a secret, which has no place on a command line that others can read
	Default string   `json:"default,omitempty"`
	Need    []string `json:"need,omitempty"` // commands
	Doc     string   `json:"doc"`
	Kind    string   `json:"kind"` // what to write: text, number, duration, true or false, list, on or off

	index []int // of the field, for reflect
}

// Settings lists the settings of a configuration struct, or pointer to one, in the order of its fields; embedded and
// nested structs are part of it.
func Settings(config any) []Setting {
	t := reflect.TypeOf(config)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return settingsOf(t, nil, "")
}

func settingsOf(t reflect.Type, index []int, prefix string) []Setting {
	var out []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		if name == "" {
			if f.Type.Kind() == reflect.Struct {
				out = append(out, settingsOf(f.Type, at, prefix+f.Tag.Get("envPrefix"))...)
			}
			continue
		}
		s := Setting{
			Env: prefix + name, Default: f.Tag.Get("envDefault"), Doc: f.Tag.Get("doc"), Kind: kindOf(f.Type), index: at,
		}
		if !secret(s.Env) {
			s.Flag = strings.ToLower(strings.ReplaceAll(s.Env, "_", "-"))
		}
		if need := f.Tag.Get("need"); need != "" {
			s.Need = strings.Split(need, ",")
		}
		out = append(out, s)
	}
	return out
}

func secret(name string) bool {
	for _, suffix := range []string{"_KEY", "_SECRET", "_PASSWORD", "_TOKEN"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return strings.HasPrefix(name, "DATABASE_") && strings.HasSuffix(name, "_URL")
}

func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Switch]():
		return "on or off"
	case t.PkgPath() == "time" && t.Name() == "Duration":
		return "duration"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	}
	return "text"
}

// Switch is a setting that is on or off.
type Switch bool

// UnmarshalText reads on or off.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on":
		*s = true
	case "off":
		*s = false
	default:
		return errNotASwitch
	}
	return nil
}
