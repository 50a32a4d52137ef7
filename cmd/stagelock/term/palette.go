package term

import "io"

// Palette paints text for a terminal, or leaves it as it is.
type Palette struct{ on bool }

// Paint returns the Palette for w.
func (sh *Shell) Paint(w io.Writer) Palette {
	return Palette{sh.Terminal(w) && sh.Env("NO_COLOR") == ""}
}

func (p Palette) code(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Good paints what went well.
func (p Palette) Good(s string) string { return p.code("32", s) }

// Bad paints what failed.
func (p Palette) Bad(s string) string { return p.code("31", s) }

// Warn paints what to look at.
func (p Palette) Warn(s string) string { return p.code("33", s) }

// Title paints a heading.
func (p Palette) Title(s string) string { return p.code("1", s) }

// Faint paints what is said beside.
func (p Palette) Faint(s string) string { return p.code("2", s) }
