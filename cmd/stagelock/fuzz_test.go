package main

import (
	"slices"
	"strings"
	"testing"
)

// FuzzReorder: no argument is lost or made up, whatever the order, and what is in order stays.
func FuzzReorder(f *testing.F) {
	for _, s := range []string{
		"publish\na.lar\n--site\n5", "archive\njoin\na\n--out\nb\n--\n-c", "audit\nlist\n-f\n--since=2h", "bogus\n--x", "-h", "publish\n-",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		app := quiet().app()
		args := append([]string{"stagelock"}, strings.Split(text, "\n")...)
		got, err := reorder(app, slices.Clone(args))
		if err != nil {
			if !as[*usageError](err) {
				t.Errorf("%v", err)
			}
			return
		}
		if !slices.Equal(sortedWithoutEnd(got), sortedWithoutEnd(args)) {
			t.Errorf("%q becomes %q", args, got)
		}
		again, err := reorder(app, slices.Clone(got))
		if err != nil || !slices.Equal(again, got) {
			t.Errorf("%q becomes %q, %v, when ordered again", got, again, err)
		}
	})
}

// sortedWithoutEnd leaves out the mark between flags and operands, which may come or go.
func sortedWithoutEnd(args []string) []string {
	out := slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--" })
	slices.Sort(out)
	return out
}

// FuzzPlain: nothing that a terminal acts on is left.
func FuzzPlain(f *testing.F) {
	f.Add("a\x1b[2Jb\u202e\u009b")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range plain(s) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				t.Errorf("%q has %U", s, r)
			}
		}
	})
}
