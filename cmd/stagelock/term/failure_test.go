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
	"github.com/stagelock/stagelock/tunnel/publisher"
)

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("port in use"), 1},
		{&term.UncleanError{Err: errors.New("x")}, 3},
		{&publisher.Failure{Kind: publisher.Uncertain}, 3},
		{&publisher.Failure{Kind: publisher.Stopped}, 3},
		{&publisher.Failure{Kind: publisher.Stopped, Err: term.Signal{Signal: os.Interrupt}}, 130},
		{&publisher.Failure{Kind: publisher.Stopped, Err: term.Signal{Signal: syscall.SIGTERM}}, 143},
		{&publisher.Failure{Kind: publisher.Mismatch}, 65},
		{&publisher.Failure{Kind: publisher.TooLarge}, 65},
		{&publisher.Failure{Kind: publisher.Interrupted}, 75},
		{&publisher.Failure{Kind: publisher.Busy}, 75},
		{&publisher.Failure{Kind: publisher.Slow}, 75},
		{term.Usagef("x"), 64},
		{&term.DataError{}, 65},
		{&refusal.Refusal{}, 65},
		{fmt.Errorf("open: %w", fs.ErrNotExist), 65},
		{&publisher.Failure{Kind: publisher.Exception}, 65},
		{&publisher.Failure{Kind: publisher.Missing}, 65},
		{&publisher.Failure{Kind: publisher.Unreadable, Err: fs.ErrNotExist}, 65},
		{&publisher.Failure{Kind: publisher.Unreachable}, 69},
		{&publisher.Failure{Kind: publisher.TLS}, 69},
		{&publisher.Failure{Kind: publisher.BadAnswer}, 69},
		{&term.OutputError{Err: fs.ErrNotExist}, 73},
		{&publisher.Failure{Kind: publisher.Unavailable}, 75},
		{&publisher.Failure{Kind: publisher.Denied}, 77},
		{&publisher.Failure{Kind: publisher.Refused}, 77},
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
		f    publisher.Failure
		want string
	}{
		{"the cure came with the message", publisher.Failure{Reason: "path.unknown", Msg: "nothing is here; set the remote path context on the staging server to the gateway's path_context", Cure: "check the host"},
			"stagelock: nothing is here\n  what to do: set the remote path context on the staging server to the gateway's path_context\n"},
		{"the message alone", publisher.Failure{Reason: "path.unknown", Msg: "nothing is here", Cure: "check the host"},
			"stagelock: nothing is here\n  what to do: set the remote path context on the staging server to the gateway's path_context\n"},
		{"a reason of tomorrow", publisher.Failure{Reason: "moon.full", Msg: "nothing is here", Cure: "check the host"}, "stagelock: nothing is here\n  what to do: check the host\n"},
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
	failure := &publisher.Failure{Kind: publisher.Refused, Call: "publishStagingRequest", Msg: "no\x1b[2Jway", Cure: "ask", Reference: "r-1"}
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
