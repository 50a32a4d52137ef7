package term

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes v as one line of JSON to the output.
func (sh *Shell) Print(v any) error {
	e := json.NewEncoder(sh.Out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return &OutputError{err}
	}
	return nil
}

// Printf writes to the output, which a script may have closed.
func (sh *Shell) Printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(sh.Out, format, args...); err != nil {
		return &OutputError{err}
	}
	return nil
}

// Table writes rows with aligned columns to the output.
func (sh *Shell) Table(rows [][]string) error {
	w := tabwriter.NewWriter(sh.Out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := io.WriteString(w, strings.TrimRight(strings.Join(r, "\t"), "\t")+"\n"); err != nil {
			return &OutputError{err}
		}
	}
	if err := w.Flush(); err != nil {
		return &OutputError{err}
	}
	return nil
}

// Plain makes text from elsewhere safe to show: what a terminal would act on is gone.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a &&
			r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	f := float64(n)
	for i, u := range units {
		if f /= 1024; f < 1023.95 || i == len(units)-1 { // what is rounded to 1024 is one of the next
			return fmt.Sprintf("%.1f %s", f, u)
		}
	}
	return ""
}

// Span writes a duration for people.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute-50*time.Millisecond: // above it one decimal makes 60
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// Count writes a number of things: 1 part, 2 parts.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Stamp writes a time. All times that commands print are in UTC.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
