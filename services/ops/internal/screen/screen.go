package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
)

// Screen shows things. Colours are left out where out is no terminal or NO_COLOR is set.
type Screen struct {
	out  io.Writer
	raw  io.Writer
	JSON bool
}

// New returns a screen on out, which heeds NO_COLOR and the like in environment.
func New(out io.Writer, environment []string, asJSON bool) *Screen {
	w := colorprofile.NewWriter(out, environment)
	for _, pair := range environment {
		if name, value, _ := strings.Cut(pair, "="); name == "NO_COLOR" && value != "" {
			w.Profile = colorprofile.NoTTY // nothing but text, whatever else is set
		}
	}
	return &Screen{out: w, raw: out, JSON: asJSON}
}

// Line shows a line.
func (s *Screen) Line(format string, args ...any) error {
	_, err := io.WriteString(s.out, guard(fmt.Sprintf(format, args...))+"\n")
	return err
}

// Encode shows v as JSON: indented, or on one line.
func (s *Screen) Encode(v any, indent bool) error {
	e := json.NewEncoder(s.raw)
	e.SetEscapeHTML(false)
	if indent {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}

// Table shows rows in aligned columns.
func (s *Screen) Table(headers []string, rows [][]string) error {
	for _, row := range rows {
		for i := range row {
			row[i] = OneLine(row[i])
		}
	}
	t := table.New().Headers(headers...).Rows(rows...).Wrap(false).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			style := lipgloss.NewStyle()
			if column < len(headers)-1 {
				style = style.PaddingRight(2)
			}
			if row == table.HeaderRow {
				style = style.Bold(true)
			}
			return style
		})
	return s.lines(t.Render())
}

// Pairs shows names and values, aligned. Empty values are left out.
func (s *Screen) Pairs(pairs ...[2]string) error {
	width := 0
	for _, p := range pairs {
		width = max(width, len(p[0]))
	}
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		if err := s.Line("%s  %s", Dim(fmt.Sprintf("%-*s", width, OneLine(p[0]))), OneLine(p[1])); err != nil {
			return err
		}
	}
	return nil
}

func (s *Screen) lines(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if err := s.Line("%s", strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

var (
	dim    = lipgloss.NewStyle().Faint(true)
	bold   = lipgloss.NewStyle().Bold(true)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	warn   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	moving = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

// Dim is for what is there but seldom looked at.
func Dim(s string) string { return dim.Render(s) }

// Bold is for what matters.
func Bold(s string) string { return bold.Render(s) }

// Good is for what holds.
func Good(s string) string { return good.Render(s) }

// Bad is for what does not.
func Bad(s string) string { return bad.Render(s) }

// Warn is for refusals and what an eye should rest on.
func Warn(s string) string { return warn.Render(s) }

// Moving is for what is under way.
func Moving(s string) string { return moving.Render(s) }

// State colours the state of an order or saga instance.
func State(s string) string {
	switch s {
	case "completed":
		return Good(s)
	case "rejected", "cancelled":
		return Warn(s)
	}
	return Moving(s)
}

// Kind colours a wire type: commands, events, refusals and failures.
func Kind(wireType, topic string) string {
	switch {
	case strings.HasSuffix(topic, ".commands"):
		return Moving(wireType)
	case strings.Contains(wireType, "Failed"):
		return Bad(wireType)
	case strings.Contains(wireType, "Refused"), strings.Contains(wireType, "Declined"), strings.Contains(wireType, "Rejected"),
		strings.Contains(wireType, "Cancel"):
		return Warn(wireType)
	}
	return Good(wireType)
}

// Time spells a moment to the second, in UTC.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Clock spells the time of a day to the millisecond, in UTC.
func Clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// Optional is what p points at, or nothing.
func Optional(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
