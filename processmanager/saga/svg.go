package saga

import (
	"fmt"
	"html"
	"strings"
)

// Sizes of the picture, in its own units.
const (
	svgLeft   = 24  // margin
	svgCard   = 178 // width of a card
	svgGap    = 28  // between columns
	svgHeight = 104 // of a card
	svgTop    = 24  // of the steps
	svgBelow  = 212 // of the compensations
	svgRow    = 19  // between lines of text
)

const svgStyle = `<style>
text{font:11px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#57606a}
.name{font-size:13px;font-weight:600;fill:#1f2328}.kind{font-size:10px;letter-spacing:.06em}
.good{fill:#1a7f37}.bad{fill:#b35900}.note{font-size:11px;fill:#768390}
.card{fill:#ffffff;stroke:#afb8c1}.compensatable{fill:#0969da}.pivot{fill:#8250df}.retriable{fill:#1a7f37}.undo{fill:#b35900}.end{fill:#768390}
.line{fill:none;stroke:#768390;stroke-width:1.5}.back{stroke:#d4772c}.no{stroke:#d4772c;stroke-dasharray:6 4}.lost{stroke:#768390;stroke-dasharray:2 4}
@media (prefers-color-scheme:dark){text{fill:#9da7b1}.name{fill:#e6edf3}.good{fill:#57ab5a}.bad{fill:#e0954f}.card{fill:#161b22;stroke:#3d444d}}
</style>
<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#768390"/></marker>
<marker id="b" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#d4772c"/></marker></defs>
`

// DiagramSVG draws a definition: the steps from left to right, each one's compensation beneath it, and what leads there. It
// has no background and follows the reader's light or dark scheme.
func DiagramSVG[D any](def *Definition[D]) string {
	p := &picture{}
	rows, ends := describeRows(def), describeEnds(def)
	for k, r := range rows {
		p.step(k, r)
		p.refused(k, r, len(ends) > 0)
		p.compensation(k, r)
	}
	p.start(ShortName(def.Start.event))
	p.completed(len(rows))
	for n, e := range ends {
		p.end(n, e)
	}
	width, height := column(len(rows))+svgCard-svgGap+svgLeft, svgBelow+svgHeight+56
	p.legend(height - 18)
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		width, height, width, height, html.EscapeString(def.Name+" saga, version "+fmt.Sprint(def.Version)))
	return head + "\n" + svgStyle + p.String() + "</svg>\n"
}

// picture is the drawing so far.
type picture struct{ strings.Builder }

// column is the left edge of the k-th step, counted from 0; one column is left free before the first.
func column(k int) int { return svgLeft + (k+1)*(svgCard+svgGap) }

func (p *picture) draw(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *picture) text(x, y int, class, s string) {
	if s != "" {
		p.draw(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, html.EscapeString(s))
	}
}

// card is a box with a coloured edge and up to five lines.
func (p *picture) card(x, y, height int, class, kind string) {
	p.draw(`<rect x="%d" y="%d" width="%d" height="%d" rx="8" class="card"/>`, x, y, svgCard, height)
	p.draw(`<rect x="%d" y="%d" width="4" height="%d" rx="2" class="%s"/>`, x+6, y+8, height-16, class)
	p.text(x+18, y+18, "kind "+class, strings.ToUpper(kind))
}

func (p *picture) line(class, marker, path string, args ...any) {
	p.draw(`<path class="line %s" marker-end="url(#%s)" d="%s"/>`, class, marker, fmt.Sprintf(path, args...))
}

func (p *picture) step(k int, r rowNames) {
	x := column(k)
	p.card(x, svgTop, svgHeight, string(r.kind), string(r.kind))
	p.text(x+18, svgTop+18+svgRow, "name", fmt.Sprintf("%d  %s", k+1, r.name))
	p.text(x+18, svgTop+18+2*svgRow, "", r.do)
	p.text(x+18, svgTop+18+3*svgRow, "good", mark("✓ ", r.done))
	p.text(x+18, svgTop+18+4*svgRow, "bad", mark("✗ ", r.refused))
	p.line("", "a", "M%d %dh%d", x-svgGap, svgTop+svgHeight/2, svgGap-2)
}

// refused draws the way of a refusal, to what is undone first, which is the step before.
func (p *picture) refused(k int, r rowNames, unwinds bool) {
	if r.refused == "" || !unwinds {
		return
	}
	from, to, middle := column(k)+34, column(k-1)+svgCard-34, (svgTop+svgHeight+svgBelow)/2
	p.line("no", "b", "M%d %dV%dH%dV%d", from, svgTop+svgHeight, middle, to, svgBelow-2)
}

func (p *picture) compensation(k int, r rowNames) {
	if r.undo == "" {
		return
	}
	x := column(k)
	p.card(x, svgBelow, svgHeight, "undo", "compensation")
	p.text(x+18, svgBelow+18+svgRow, "name", r.undo)
	p.text(x+18, svgBelow+18+2*svgRow, "good", mark("✓ ", r.undone))
	p.text(x+18, svgBelow+18+3*svgRow, "bad", mark("✗ ", r.undoFailed))
	if r.undoFailed != "" {
		p.text(x+18, svgBelow+18+4*svgRow, "note", "then owed: an operator")
	}
	p.line("back", "b", "M%d %dh-%d", x, svgBelow+svgHeight/2, svgGap-2)
	middle := x + svgCard/2
	p.line("lost", "a", "M%d %dV%d", middle, svgTop+svgHeight, svgBelow-2)
}

func (p *picture) start(event string) {
	x, y := svgLeft, svgTop+svgHeight/2
	p.draw(`<rect x="%d" y="%d" width="%d" height="40" rx="20" class="card"/>`, x, y-20, svgCard)
	p.draw(`<text x="%d" y="%d" text-anchor="middle" class="name">%s</text>`, x+svgCard/2, y+5, html.EscapeString(event))
}

func (p *picture) completed(steps int) {
	x, y := column(steps), svgTop+svgHeight/2
	width := svgCard - svgGap
	p.line("", "a", "M%d %dh%d", x-svgGap, y, svgGap-2)
	p.draw(`<rect x="%d" y="%d" width="%d" height="40" rx="20" class="card"/>`, x, y-20, width)
	p.draw(`<text x="%d" y="%d" text-anchor="middle" class="name good">completed</text>`, x+width/2, y+5)
}

func (p *picture) end(n int, e endNames) {
	height := svgHeight/2 - 3
	y := svgBelow + n*(height+6)
	p.card(svgLeft, y, height, "end", e.when)
	p.text(svgLeft+18, y+18+svgRow, "name", e.do)
}

func (p *picture) legend(y int) {
	x := svgLeft
	for _, l := range []struct{ class, marker, text string }{
		{"", "a", "next step after the success"},
		{"no", "b", "refused: it did nothing, the steps before it are undone"},
		{"lost", "a", "no answer before the deadline: undone too"},
		{"back", "b", "one at a time, the next after the answer"},
	} {
		p.line(l.class, l.marker, "M%d %dh34", x, y-4)
		p.text(x+42, y, "note", l.text)
		x += 72 + len(l.text)*6
	}
}

func mark(sign, name string) string {
	if name == "" {
		return ""
	}
	return sign + name
}
