package term

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// The exit codes, as the documentation of the command tells them.
const (
	ExitOK          = 0
	ExitStart       = 1
	ExitForced      = 2
	ExitUnclean     = 3
	ExitUsage       = 64
	ExitData        = 65
	ExitUnavailable = 69
	ExitOutput      = 73
	ExitAgain       = 75
	ExitDenied      = 77
	ExitConfig      = 78
)

// exits maps errors to exit codes; the first that matches counts, and ExitStart if none does.
var exits = []struct {
	is   func(error) bool
	code int
}{
	{as[*UsageError], ExitUsage},
	{as[*OutputError], ExitOutput},
	{as[*ConfigError], ExitConfig},
	{as[*UncleanError], ExitUnclean},
	{kind(publisher.Denied, publisher.Refused), ExitDenied},
	{kind(publisher.Unavailable), ExitAgain},
	{kind(publisher.Uncertain, publisher.Stopped), ExitUnclean},
	{kind(publisher.Exception, publisher.Missing, publisher.Unreadable), ExitData},
	{kind(publisher.Unreachable, publisher.TLS, publisher.BadAnswer), ExitUnavailable},
	{as[*DataError], ExitData},
	{as[*archive.Refusal], ExitData},
	{func(err error) bool {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err,
			fs.ErrPermission)
	}, ExitData},
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func kind(kinds ...publisher.Kind) func(error) bool {
	return func(err error) bool {
		var f *publisher.Failure
		return errors.As(err, &f) && slices.Contains(kinds, f.Kind)
	}
}

// ExitCode returns the exit code of a command that ended with err; nil is ExitOK.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	for _, e := range exits {
		if e.is(err) {
			return e.code
		}
	}
	return ExitStart
}
