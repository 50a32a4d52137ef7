package demo

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	got := wrap(strings.Repeat("word ", 10), 14, "> ")
	if want := "word word\n> word word\n> word word\n> word word\n> word word"; got != want && strings.Count(got, "word") != 10 {
		t.Errorf("%q", got)
	}
	for _, l := range strings.Split(got, "\n") {
		if len(strings.TrimPrefix(l, "> ")) > 14 {
			t.Errorf("line %q", l)
		}
	}
}
