package crash

import (
	"regexp"
	"strings"
)

var (
	sqlComment = regexp.MustCompile(`--[^\n]*\n?|/\*.*?\*/`)
	// What a statement is about: the first table that it names. Names in quotes and of months are cut to what they share.
	sqlTable = regexp.MustCompile(`(?i)\b(insert\s+into|update|delete\s+from|from)\s+(?:only\s+)?([a-z_]+)`)
	sqlCall  = regexp.MustCompile(`(?i)^select\s+([a-z_]+)\s*\(`)
)

// label names a statement for people: what it does and the first table that it names. "update positions".
func label(sql string) string {
	if strings.HasPrefix(sql, "-- ping") {
		return "ping"
	}
	sql = strings.TrimSpace(sqlComment.ReplaceAllString(sql, ""))
	verb, _, _ := strings.Cut(strings.ToLower(sql), " ")
	verb, _, _ = strings.Cut(verb, "\n")
	verb = strings.Trim(verb, ";")
	for _, m := range sqlTable.FindAllStringSubmatch(sql, -1) {
		doing, table := strings.ToLower(m[1]), strings.ToLower(m[2])
		if table == "unnest" || table == "select" {
			continue
		}
		if verb == "with" { // what it does with what it found comes later
			verb = strings.Fields(doing)[0]
			if verb == "from" {
				verb = "select"
			}
		}
		return verb + " " + table
	}
	if m := sqlCall.FindStringSubmatch(sql); m != nil {
		return "select " + strings.ToLower(m[1])
	}
	return verb
}

// labels names the statements of a simple query.
func labels(sql string) string {
	if strings.HasPrefix(sql, "-- ping") {
		return label(sql)
	}
	var out []string
	for part := range strings.SplitSeq(sql, ";") {
		if strings.TrimSpace(part) != "" {
			out = append(out, label(part))
		}
	}
	return join(out)
}
