package commands

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
		app := app(quiet())
		args := append([]string{"stagelock"}, strings.Split(text, "\n")...)
		got, err := reorder(app, slices.Clone(args))
		if err != nil {
			if !misuse(err) {
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
