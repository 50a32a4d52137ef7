package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes v as one line of JSON to the output.
func (sh *shell) print(v any) error {
	e := json.NewEncoder(sh.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return &outputError{err}
	}
	return nil
}

// printf writes to the output, which a script may have closed.
func (sh *shell) printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(sh.out, format, args...); err != nil {
		return &outputError{err}
	}
	return nil
}

// table writes rows with aligned columns to the output.
func (sh *shell) table(rows [][]string) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := io.WriteString(w, strings.TrimRight(strings.Join(r, "\t"), "\t")+"\n"); err != nil {
			return &outputError{err}
		}
	}
	if err := w.Flush(); err != nil {
		return &outputError{err}
	}
	return nil
}

// plain makes text from elsewhere safe to show: what a terminal would act on is gone.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a &&
			r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
}

// size writes a number of bytes for people.
func size(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	f := float64(n)
	for i, u := range units {
		if f /= 1024; f < 1024 || i == len(units)-1 {
			return fmt.Sprintf("%.1f %s", f, u)
		}
	}
	return ""
}

// span writes a duration for people.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// palette paints text for a terminal, or leaves it as it is.
type palette struct{ on bool }

// paint returns the palette for w.
func (sh *shell) paint(w io.Writer) palette {
	return palette{sh.terminal(w) && sh.env("NO_COLOR") == ""}
}

func (p palette) code(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) good(s string) string  { return p.code("32", s) }
func (p palette) bad(s string) string   { return p.code("31", s) }
func (p palette) warn(s string) string  { return p.code("33", s) }
func (p palette) title(s string) string { return p.code("1", s) }
func (p palette) faint(s string) string { return p.code("2", s) }
