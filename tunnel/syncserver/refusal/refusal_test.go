package refusal_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// TestNew: a refusal of a task has no status of its own; one of a stranger has.
func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    *refusal.Error
		code   refusal.Code
		status int
		want   string
	}{
		{"a task", refusal.New(refusal.TaskDenied, "task %s of %s", "DELETEOBJECT", "cms.user"), refusal.TaskDenied, 0,
			"task-denied: task DELETEOBJECT of cms.user"},
		{"no values", refusal.New(refusal.Loop, "100 percent"), refusal.Loop, 0, "loop: 100 percent"},
		{"a value with a percent sign", refusal.New(refusal.BadData, "column %s", "%s%d"), refusal.BadData, 0, "bad-data: column %s%d"},
		{"a stranger", refusal.Outside(http.StatusBadRequest, refusal.Credentials, "token of %d bytes", 3), refusal.Credentials, 400,
			"credentials: token of 3 bytes"},
		{"too large", refusal.Outside(http.StatusRequestEntityTooLarge, refusal.TooLarge, "x"), refusal.TooLarge, 413, "too-large: x"},
		{"an advisory", refusal.Outside(http.StatusBadRequest, refusal.Bypass2746, "x"), refusal.Bypass2746, 400, "bypass-2746: x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want || tt.err.Status != tt.status || tt.err.Code != tt.code {
				t.Errorf("got %q, %d, want %q, %d", got, tt.err.Status, tt.want, tt.status)
			}
			if tt.err.About != (refusal.About{}) {
				t.Errorf("it is about %+v before anything was read", tt.err.About)
			}
			var found *refusal.Error
			if !errors.As(fmt.Errorf("call: %w", tt.err), &found) || found != tt.err {
				t.Error("it is not found in a chain")
			}
		})
	}
}

// TestBrief: what is quoted of a call is short, in one line, and says when it was cut.
func TestBrief(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", `""`},
		{"short", "cms.user", `"cms.user"`},
		{"forty", strings.Repeat("a", 40), `"` + strings.Repeat("a", 40) + `"`},
		{"one more", strings.Repeat("a", 41), `"` + strings.Repeat("a", 40) + `"…`},
		{"a megabyte", strings.Repeat("a", 1<<20), `"` + strings.Repeat("a", 40) + `"…`},
		{"line ends", "a\r\nb", `"a\r\nb"`},
		{"a terminal's commands", "\x1b[2J", `"\x1b[2J"`},
		{"quotes", `a"b`, `"a\"b"`},
		{"a nul", "\x00", `"\x00"`},
		{"bytes that are no text", "\xff\xfe", `"\xff\xfe"`},
		{"a letter cut in two", strings.Repeat("a", 39) + "ü", `"` + strings.Repeat("a", 39) + `\xc3"…`},
		{"letters of another script", "öä", `"öä"`},
		{"text that runs backwards", "\u202e", `"\u202e"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := refusal.Brief(tt.in); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// FuzzBrief holds: a quote is one line of valid text, and no longer than its bound.
func FuzzBrief(f *testing.F) {
	f.Add("a\r\n\x00\xff")
	f.Add(strings.Repeat("\u202e", 20))
	f.Fuzz(func(t *testing.T, s string) {
		got := refusal.Brief(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") || len(got) > 4*40+2+len("…")+2*40 {
			t.Errorf("%q is quoted as %s", s, got)
		}
	})
}
