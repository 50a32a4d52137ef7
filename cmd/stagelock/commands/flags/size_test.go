package flags_test

import (
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"1": 1, "1000": 1000, "10MiB": 10 << 20, "5MB": 5e6, "64 KiB": 64 << 10, "1kB": 1000, "1GiB": 1 << 30} {
		if got, err := flags.ParseSize(in); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1", "2GiB", "3000000000", "10 apples", "1.5MiB", "MiB", "9223372036854775807GiB"} {
		if got, err := flags.ParseSize(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
}
