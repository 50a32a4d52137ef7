package term

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"

	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
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
	exitSignal      = 128 // and the number of the signal that ended the command
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
	{kind(failure.Denied, failure.Refused), ExitDenied},
	{kind(failure.Unavailable, failure.Interrupted, failure.Busy, failure.Slow), ExitAgain},
	{kind(failure.Uncertain), ExitUnclean},
	{kind(failure.Exception, failure.Missing, failure.Unreadable, failure.Mismatch,
		failure.TooLarge), ExitData},
	{kind(failure.Unreachable, failure.TLS, failure.BadAnswer), ExitUnavailable},
	{as[*UnavailableError], ExitUnavailable},
	{as[*DeniedError], ExitDenied},
	{as[*AgainError], ExitAgain},
	{as[*DataError], ExitData},
	{as[*refusal.Refusal], ExitData},
	{func(err error) bool {
		return slices.ContainsFunc([]error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.EISDIR},
			func(e error) bool { return errors.Is(err, e) })
	}, ExitData},
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func kind(kinds ...failure.Kind) func(error) bool {
	return func(err error) bool {
		var f *failure.Failure
		return errors.As(err, &f) && slices.Contains(kinds, f.Kind)
	}
}

// ExitCode returns the exit code of a command that ended with err; nil is ExitOK.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if kind(failure.Stopped)(err) {
		return stoppedBy(err)
	}
	for _, e := range exits {
		if e.is(err) {
			return e.code
		}
	}
	return ExitStart
}

// stoppedBy returns the exit code of a command that a signal ended: what a shell gives to one that
// does not catch it.
func stoppedBy(err error) int {
	var s Signal
	if !errors.As(err, &s) {
		return ExitUnclean
	}
	if n, ok := s.Signal.(syscall.Signal); ok {
		return exitSignal + int(n)
	}
	return ExitUnclean
}
