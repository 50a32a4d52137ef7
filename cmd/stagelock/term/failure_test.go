package term_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("port in use"), 1},
		{&term.UncleanError{Err: errors.New("x")}, 3},
		{&failure.Failure{Kind: failure.Uncertain}, 3},
		{&failure.Failure{Kind: failure.Stopped}, 3},
		{&failure.Failure{Kind: failure.Stopped, Err: term.Signal{Signal: os.Interrupt}}, 130},
		{&failure.Failure{Kind: failure.Stopped, Err: term.Signal{Signal: syscall.SIGTERM}}, 143},
		{&failure.Failure{Kind: failure.Mismatch}, 65},
		{&failure.Failure{Kind: failure.TooLarge}, 65},
		{&failure.Failure{Kind: failure.Interrupted}, 75},
		{&failure.Failure{Kind: failure.Busy}, 75},
		{&failure.Failure{Kind: failure.Slow}, 75},
		{term.Usagef("x"), 64},
		{&term.DataError{}, 65},
		{&refusal.Refusal{}, 65},
		{fmt.Errorf("open: %w", fs.ErrNotExist), 65},
		{&failure.Failure{Kind: failure.Exception}, 65},
		{&failure.Failure{Kind: failure.Missing}, 65},
		{&failure.Failure{Kind: failure.Unreadable, Err: fs.ErrNotExist}, 65},
		{&failure.Failure{Kind: failure.Unreachable}, 69},
		{&failure.Failure{Kind: failure.TLS}, 69},
		{&failure.Failure{Kind: failure.BadAnswer}, 69},
		{&term.OutputError{Err: fs.ErrNotExist}, 73},
		{&failure.Failure{Kind: failure.Unavailable}, 75},
		{&failure.Failure{Kind: failure.Denied}, 77},
		{&failure.Failure{Kind: failure.Refused}, 77},
		{&term.ConfigError{}, 78},
	} {
		if got := term.ExitCode(tt.err); got != tt.want {
			t.Errorf("%T %v: exit code %d, want %d", tt.err, tt.err, got, tt.want)
		}
		if tt.err != nil && term.ExitCode(fmt.Errorf("wrapped: %w", tt.err)) != tt.want {
			t.Errorf("%T wrapped has another exit code", tt.err)
		}
	}
}

// A gateway's reason is explained in the catalogue's words, once.
func TestReportOfAReason(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    failure.Failure
		want string
	}{
		{"the cure came with the message", failure.Failure{Reason: "path.unknown", Msg: "nothing is here; set the remote path context on the staging server to the gateway's path_context", Cure: "check the host"},
			"stagelock: nothing is here\n  what to do: set the remote path context on the staging server to the gateway's path_context\n"},
		{"the message alone", failure.Failure{Reason: "path.unknown", Msg: "nothing is here", Cure: "check the host"},
			"stagelock: nothing is here\n  what to do: set the remote path context on the staging server to the gateway's path_context\n"},
		{"a reason of tomorrow", failure.Failure{Reason: "moon.full", Msg: "nothing is here", Cure: "check the host"}, "stagelock: nothing is here\n  what to do: check the host\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var errs bytes.Buffer
			(&term.Shell{Out: &bytes.Buffer{}, Err: &errs}).Report(&tt.f)
			if got := errs.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	failure := &failure.Failure{Kind: failure.Refused, Call: "publishStagingRequest", Msg: "no\x1b[2Jway", Cure: "ask", Reference: "r-1"}
	for _, tt := range []struct {
		name string
		json bool
		want string
	}{
		{"words", false, "stagelock: no?[2Jway\n  what to do: ask\n  reference: r-1\n"},
		{"json", true, `{"ok":false,"exit":77,"kind":"refused","call":"publishStagingRequest","message":"no\u001b[2Jway","cure":"ask","reference":"r-1"}` + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			sh := &term.Shell{Out: &out, Err: &errs, JSON: tt.json}
			if code := sh.Report(failure); code != 77 {
				t.Errorf("exit code %d", code)
			}
			if got := out.String() + errs.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.json && !json.Valid(out.Bytes()) {
				t.Error("no JSON")
			}
		})
	}
}
