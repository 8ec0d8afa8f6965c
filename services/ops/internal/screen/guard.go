package screen

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// style is a sequence that this package writes itself: an end, bold, faint, a colour. It moves no cursor and hides nothing.
var style = regexp.MustCompile(`^\x1b\[(?:0|1|2|(?:1;)?[39][0-7])?m`)

// guard spells what a terminal would obey: messages hold bytes of strangers, who might rewrite what an operator reads, or
// is asked to confirm. Lines, tabs and our own styles stay.
func guard(s string) string {
	if !strings.ContainsFunc(s, dangerous) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if own := style.FindString(s); own != "" {
			b.WriteString(own)
			s = s[len(own):]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if dangerous(r) || r == utf8.RuneError && size == 1 {
			quoted := strconv.QuoteToASCII(s[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// dangerous tells control characters, and those that turn the direction of text around.
func dangerous(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

// OneLine is s without what a terminal would obey, and without an end of line, with which it could pass for another one.
func OneLine(s string) string { return strings.ReplaceAll(guard(s), "\n", `\n`) }

// Guarded returns a writer to w for text in which strangers may have a say.
func Guarded(w io.Writer) io.Writer { return guarded{w} }

type guarded struct{ io.Writer }

func (g guarded) Write(p []byte) (int, error) {
	if _, err := io.WriteString(g.Writer, guard(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
