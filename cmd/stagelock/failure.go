package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// The exit codes, see the package's documentation.
const (
	exitOK          = 0
	exitStart       = 1
	exitForced      = 2
	exitUnclean     = 3
	exitUsage       = 64
	exitData        = 65
	exitUnavailable = 69
	exitOutput      = 73
	exitAgain       = 75
	exitDenied      = 77
	exitConfig      = 78
)

// exits maps errors to exit codes; the first that matches counts, and exitStart if none does.
var exits = []struct {
	is   func(error) bool
	code int
}{
	{as[*usageError], exitUsage},
	{as[*outputError], exitOutput},
	{as[*configError], exitConfig},
	{as[*uncleanError], exitUnclean},
	{kind(publisher.Denied, publisher.Refused), exitDenied},
	{kind(publisher.Unavailable), exitAgain},
	{kind(publisher.Uncertain, publisher.Stopped), exitUnclean},
	{kind(publisher.Exception, publisher.Missing, publisher.Unreadable), exitData},
	{kind(publisher.Unreachable, publisher.TLS, publisher.BadAnswer), exitUnavailable},
	{as[*dataError], exitData},
	{as[*archive.Refusal], exitData},
	{func(err error) bool {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err,
			fs.ErrPermission)
	}, exitData},
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

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	for _, e := range exits {
		if e.is(err) {
			return e.code
		}
	}
	return exitStart
}

// outputError is an output that cannot be written.
type outputError struct{ err error }

func (e *outputError) Error() string { return "cannot write: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// dataError is data that was found bad, with all that is to be said about it; the rest was printed
// already.
type dataError struct{ msg, cure string }

func (e *dataError) Error() string { return e.msg }

// configError is a configuration that cannot be used; its problems were printed already if said is
// true.
type configError struct {
	msg  string
	said bool
}

func (e *configError) Error() string { return e.msg }

// uncleanError is a gateway that did not end in order.
type uncleanError struct{ err error }

func (e *uncleanError) Error() string { return "the gateway did not end in order: " + e.err.Error() }
func (e *uncleanError) Unwrap() error { return e.err }

// failed is a failure for a script.
type failed struct {
	OK         bool     `json:"ok"`
	Exit       int      `json:"exit"`
	Kind       string   `json:"kind,omitempty"`
	Call       string   `json:"call,omitempty"`
	Message    string   `json:"message"`
	Cure       string   `json:"cure,omitempty"`
	Reference  string   `json:"reference,omitempty"`
	Exception  string   `json:"exception,omitempty"`
	References []string `json:"missing_references,omitempty"`
}

// report tells the user why a command failed, and returns its exit code.
func (sh *shell) report(err error) int {
	code := exitCode(err)
	var c *configError
	var q *silentError
	switch {
	case err == nil, errors.As(err, &c) && c.said:
		return code
	case errors.As(err, &q):
		return q.code
	}
	f := describe(err)
	f.Exit = code
	if sh.json {
		_ = sh.print(f) // there is nowhere else to say it
		return code
	}
	fmt.Fprintf(sh.err, "stagelock: %s\n", plain(strings.TrimSpace(f.Message)))
	for _, r := range f.References {
		fmt.Fprintf(sh.err, "  missing: %s\n", plain(r))
	}
	if f.Cure != "" {
		fmt.Fprintf(sh.err, "  what to do: %s\n", f.Cure)
	}
	if f.Reference != "" {
		fmt.Fprintf(sh.err, "  reference: %s\n", plain(f.Reference))
	}
	return code
}

func describe(err error) failed {
	f := failed{Message: err.Error()}
	var p *publisher.Failure
	var d *dataError
	var u *usageError
	switch {
	case errors.As(err, &p):
		f.Kind, f.Call, f.Message, f.Cure = string(p.Kind), p.Call, p.Msg, p.Cure
		f.Reference, f.References = p.Reference, p.References
		if p.Thrown != nil {
			f.Exception = p.Thrown.Class
		}
		if p.Kind == publisher.Unreadable && p.Err != nil {
			f.Message += ": " + p.Err.Error()
		}
	case errors.As(err, &d):
		f.Kind, f.Cure = "data", d.cure
	case errors.As(err, &u):
		f.Kind, f.Cure = "usage", "see stagelock help"
	}
	return f
}

// silentError ends a command that has said everything already.
type silentError struct{ code int }

func (e *silentError) Error() string { return "exit " + strconv.Itoa(e.code) }
