package why

import (
	"regexp"
	"strings"
)

var (
	places  = regexp.MustCompile(`[a-z]+\.(events|commands)/\d+@\d+`)
	ids     = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// plain spells what a recording happened to hold the same for every recording.
func plain(e *Evidence, all []string) []string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		s = strings.ReplaceAll(s, e.Order.String(), "ORDER")
		s = places.ReplaceAllString(s, "PLACE")
		out = append(out, moments.ReplaceAllString(ids.ReplaceAllString(s, "ID"), "MOMENT"))
	}
	return out
}
