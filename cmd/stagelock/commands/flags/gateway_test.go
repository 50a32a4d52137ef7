package flags_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/admin"
)

// Whoever asks a gateway in vain exits alike, whichever command it was.
func TestUnreached(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		code int
	}{
		{"nobody listens", fmt.Errorf("%w at unix:a", admin.ErrNobody), term.ExitUnavailable},
		{"another user's socket", fmt.Errorf("%w: unix:a", admin.ErrDenied), term.ExitDenied},
		{"an answer of somebody else", errors.New("status 418"), term.ExitUnavailable},
	} {
		if got := term.ExitCode(flags.Unreached(tt.err)); got != tt.code {
			t.Errorf("%s: exit %d, want %d", tt.name, got, tt.code)
		}
	}
}
