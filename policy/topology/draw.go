package topology

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// What the drawing measures, in pixels.
const (
	canvas = 640.0
	circle = 240.0
	node   = 46.0
)

// SVG draws a report: a star with its hub in the middle, everything else as a circle. Links of a pair
// with two paths are drawn in another colour. The same names and links always draw the same bytes.
func (r Report) SVG() []byte {
	at := r.places()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-label="%s">`+"\n",
		canvas, canvas, escaped(r.Headline()))
	b.WriteString(`<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">` +
		`<path d="M0 0L10 5L0 10z"/></marker></defs>` + "\n")
	second := r.seconds()
	for _, l := range r.Links {
		r.line(&b, at[l.From], at[l.To], second[l])
	}
	for _, name := range r.Servers {
		p := at[name]
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%g" fill="#fff" stroke="#246" stroke-width="2"/>`, p.x, p.y, node)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-family="sans-serif" font-size="14">%s</text>`+"\n",
			p.x, p.y+5, escaped(short(name)))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

type point struct{ x, y float64 }

// places puts every server on a circle, a star's hub into its middle.
func (r Report) places() map[string]point {
	at, hub := map[string]point{}, r.hub()
	var round []string
	for _, s := range r.Servers {
		if s != hub {
			round = append(round, s)
		}
	}
	if hub != "" {
		at[hub] = point{canvas / 2, canvas / 2}
	}
	for i, s := range round {
		angle := 2*math.Pi*float64(i)/float64(len(round)) - math.Pi/2
		at[s] = point{canvas/2 + circle*math.Cos(angle), canvas/2 + circle*math.Sin(angle)}
	}
	return at
}

func (r Report) hub() string {
	if r.Kind != Star {
		return ""
	}
	n := map[string]map[string]bool{}
	for _, l := range r.Links {
		for _, p := range [][2]string{{l.From, l.To}, {l.To, l.From}} {
			if n[p[0]] == nil {
				n[p[0]] = map[string]bool{}
			}
			if n[p[0]][p[1]] = true; len(n[p[0]]) == len(r.Servers)-1 {
				return p[0]
			}
		}
	}
	return ""
}

// seconds are the links of second paths.
func (r Report) seconds() map[Route]bool {
	all := map[Route]bool{}
	for _, p := range r.TwoPaths {
		for i := 1; i < len(p.Other); i++ {
			all[Route{p.Other[i-1], p.Other[i]}] = true
		}
	}
	return all
}

// line draws a link from rim to rim, a little to its right, so that one against it is seen.
func (r Report) line(b *bytes.Buffer, from, to point, second bool) {
	dx, dy := to.x-from.x, to.y-from.y
	d := math.Hypot(dx, dy)
	if d == 0 {
		return
	}
	dx, dy = dx/d, dy/d
	colour := "#246"
	if second {
		colour = "#b40"
	}
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2" marker-end="url(#a)"/>`+"\n",
		from.x+dx*node-dy*6, from.y+dy*node+dx*6, to.x-dx*node-dy*6, to.y-dy*node+dx*6, colour)
}

// short fits a name into its circle.
func short(name string) string {
	if r := []rune(name); len(r) > 10 {
		return string(r[:9]) + "…"
	}
	return name
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// Headline says what the graph is in one line.
func (r Report) Headline() string {
	names := strings.Join(r.Servers, ", ")
	switch r.Kind {
	case Pair, Single:
		return string(r.Kind) + ": " + names
	case Other:
		return fmt.Sprintf("%d servers: %s", len(r.Servers), names)
	}
	return fmt.Sprintf("%s of %d: %s", r.Kind, len(r.Servers), names)
}
