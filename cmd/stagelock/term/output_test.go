package term_test

import (
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

func TestPlain(t *testing.T) {
	if got := term.Plain("a\x1b[31mb\nc\u202ed\u0085e\tf é 例"); got != "a?[31mb?c?d?e?f é 例" {
		t.Errorf("%q", got)
	}
}

// FuzzPlain: nothing that a terminal acts on is left.
func FuzzPlain(f *testing.F) {
	f.Add("a\x1b[2Jb\u202e\u009b")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range term.Plain(s) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				t.Errorf("%q has %U", s, r)
			}
		}
	})
}
