package doctor_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// A command line that cannot be understood is told with the flag to mend, and never with a password in it.
func TestDoctorRefusesAddresses(t *testing.T) {
	for _, tt := range []struct{ name, flag, value string }{
		{"another scheme", "--to", "ftp://me:s3cret@live.example.com"},
		{"no scheme", "--to", "me:s3cret@live.example.com"},
		{"no host", "--to", "https://me:s3cret@"},
		{"a blank", "--to", "https://me:s3cret@live example.com"},
		{"an odd port", "--to", "https://me:s3cret@live:port"},
		{"a slash in the password", "--to", "https://me:s3cret/x@live"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &errs}
			code := commands.Run(t.Context(), sh, []string{"stagelock", "doctor", tt.flag, tt.value})
			if code != term.ExitUsage || !strings.Contains(errs.String(), tt.flag) || strings.Contains(errs.String()+out.String(), "s3cret") {
				t.Errorf("exit %d: %s%s", code, &out, &errs)
			}
		})
	}
}
