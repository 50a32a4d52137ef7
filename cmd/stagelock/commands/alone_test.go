package commands

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// said runs a command line and returns its exit code and all that it printed.
func said(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Rand: rand.Reader}
	return Run(context.WithoutCancel(t.Context()), sh, append([]string{"stagelock"}, args...)), out.String()
}

// A command that takes no operand does nothing when it gets one: `site unlock --site 1 2` unlocked the first, and
// `staging publish --site 1 documents` published everything.
func TestNoCommandPassesOverAWord(t *testing.T) {
	n := 0
	leaves(app(quiet()).Commands, nil, func(path []string, c *cli.Command) {
		if c.ArgsUsage != "" {
			return
		}
		n++
		code, text := said(t, append(path, "extra")...)
		if code != term.ExitUsage || !strings.Contains(text, `does not know what to do with "extra"`) ||
			!strings.Contains(text, "see stagelock "+strings.Join(path, " ")+" --help") {
			t.Errorf("%s extra: exit %d: %s", strings.Join(path, " "), code, text)
		}
	})
	if n < 30 {
		t.Errorf("only %d commands without operands", n)
	}
}

// A flag that has one value is not given two of them: which one was meant is not guessed.
func TestNoFlagIsGivenTwice(t *testing.T) {
	n := 0
	leaves(app(quiet()).Commands, nil, func(path []string, c *cli.Command) {
		for _, f := range c.Flags {
			if list, ok := f.(cli.DocGenerationSliceFlag); ok && list.IsSliceFlag() {
				continue
			}
			if _, isBool := f.(*cli.BoolFlag); isBool {
				continue
			}
			n++
			name := "--" + f.Names()[0]
			code, text := said(t, append(path, name, "1", name+"=2")...)
			if code != term.ExitUsage || !strings.Contains(text, name+" is given twice, as "+name+" 1 and as "+name+"=2") {
				t.Errorf("%s: exit %d: %s", strings.Join(append(path, name), " "), code, text)
			}
		}
	})
	if n < 100 {
		t.Errorf("only %d flags", n)
	}
}

// Two names of one flag are one flag, and what may be repeated is.
func TestWhatMayBeGivenTwice(t *testing.T) {
	for _, args := range [][]string{
		{"staging", "publish", "--type", "pages", "--type", "tags", "--site", "1", "--as", "joe"},
		{"staging", "status", "--json", "--json", "--site", "1"},
		{"content", "add", "tag", "--", "--site", "--site"},
	} {
		if _, text := said(t, args...); strings.Contains(text, "twice") {
			t.Errorf("%q: %s", args, text)
		}
	}
}
