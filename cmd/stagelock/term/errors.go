package term

import (
	"fmt"
	"strconv"
)

// UsageError is a command line that cannot be understood.
type UsageError struct {
	Msg     string
	Command string // whose help tells more, such as "stagelock audit list"; empty: the whole's
}

func (e *UsageError) Error() string { return e.Msg }

func (e *UsageError) help() string {
	if e.Command == "" {
		return "stagelock help"
	}
	return e.Command + " --help"
}

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{Msg: fmt.Sprintf(format, args...)} }

// OutputError is an output that cannot be written.
type OutputError struct{ Err error }

func (e *OutputError) Error() string { return "cannot write: " + e.Err.Error() }

// Unwrap returns why.
func (e *OutputError) Unwrap() error { return e.Err }

// DataError is data that was found bad, and what to do about it.
type DataError struct{ Msg, Cure string }

func (e *DataError) Error() string { return e.Msg }

// UnavailableError is a gateway that cannot be reached, and what to do about it.
type UnavailableError struct{ Msg, Cure string }

func (e *UnavailableError) Error() string { return e.Msg }

// AgainError is something that can be tried again, and how.
type AgainError struct{ Msg, Cure string }

func (e *AgainError) Error() string { return e.Msg }

// DeniedError is something that this user may not do, and what to do about it.
type DeniedError struct{ Msg, Cure string }

func (e *DeniedError) Error() string { return e.Msg }

// ConfigError is a configuration that cannot be used.
type ConfigError struct {
	Msg  string
	Said bool // its problems were printed already
}

func (e *ConfigError) Error() string { return e.Msg }

// UncleanError is a gateway that did not end in order.
type UncleanError struct{ Err error }

func (e *UncleanError) Error() string { return "the gateway did not end in order: " + e.Err.Error() }

// Unwrap returns why.
func (e *UncleanError) Unwrap() error { return e.Err }

// SilentError ends a command that has said everything already.
type SilentError struct{ Code int }

func (e *SilentError) Error() string { return "exit " + strconv.Itoa(e.Code) }
