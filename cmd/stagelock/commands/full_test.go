package commands

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestHelpThatNobodyGets ended with 0, and what was asked for as JSON failed without a word.
func TestHelpThatNobodyGets(t *testing.T) {
	for _, line := range []string{"--help", "help", "audit --help", "help audit list", "version", "version --json", "man", "policy --json"} {
		var errs bytes.Buffer
		sh := &term.Shell{In: strings.NewReader(""), Out: full{}, Err: &errs, Now: time.Now, Version: "1"}
		code := Run(context.Background(), sh, append([]string{"stagelock"}, strings.Fields(line)...))
		if code != term.ExitOutput || !strings.Contains(errs.String(), "cannot write: no space left on device") ||
			!strings.Contains(errs.String(), "make room on the disk") {
			t.Errorf("%s: exit %d, %q", line, code, errs.String())
		}
	}
}
