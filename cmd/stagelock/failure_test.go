package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("port in use"), 1},
		{&uncleanError{errors.New("x")}, 3},
		{&publisher.Failure{Kind: publisher.Uncertain}, 3},
		{&publisher.Failure{Kind: publisher.Stopped}, 3},
		{usagef("x"), 64},
		{&dataError{}, 65},
		{&archive.Refusal{}, 65},
		{fmt.Errorf("open: %w", fs.ErrNotExist), 65},
		{&publisher.Failure{Kind: publisher.Exception}, 65},
		{&publisher.Failure{Kind: publisher.Missing}, 65},
		{&publisher.Failure{Kind: publisher.Unreadable, Err: fs.ErrNotExist}, 65},
		{&publisher.Failure{Kind: publisher.Unreachable}, 69},
		{&publisher.Failure{Kind: publisher.TLS}, 69},
		{&publisher.Failure{Kind: publisher.BadAnswer}, 69},
		{&outputError{fs.ErrNotExist}, 73},
		{&publisher.Failure{Kind: publisher.Unavailable}, 75},
		{&publisher.Failure{Kind: publisher.Denied}, 77},
		{&publisher.Failure{Kind: publisher.Refused}, 77},
		{&configError{}, 78},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%T %v: exit code %d, want %d", tt.err, tt.err, got, tt.want)
		}
		if tt.err != nil && exitCode(fmt.Errorf("wrapped: %w", tt.err)) != tt.want {
			t.Errorf("%T wrapped has another exit code", tt.err)
		}
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
			sh := &shell{out: &out, err: &errs, json: tt.json}
			if code := sh.report(failure); code != 77 {
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

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"1": 1, "1000": 1000, "10MiB": 10 << 20, "5MB": 5e6, "64 KiB": 64 << 10, "1kB": 1000, "1GiB": 1 << 30} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1", "2GiB", "3000000000", "10 apples", "1.5MiB", "MiB", "9223372036854775807GiB"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"": {}, "2h": now.Add(-2 * time.Hour), "-2h": now.Add(-2 * time.Hour), "2024-02-03T04:05:06Z": time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC),
		"2024-02-03": time.Date(2024, 2, 3, 0, 0, 0, 0, time.Local),
	} {
		if got, err := moment(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v, want %s", in, got, err, want)
		}
	}
	if _, err := moment("yesterday", now); err == nil {
		t.Error("yesterday is a time")
	}
}

func TestPlain(t *testing.T) {
	if got := plain("a\x1b[31mb\nc\u202ed\u0085e\tf é 例"); got != "a?[31mb?c?d?e?f é 例" {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	got := wrap(strings.Repeat("word ", 10), 14, "> ")
	if want := "word word\n> word word\n> word word\n> word word\n> word word"; got != want && strings.Count(got, "word") != 10 {
		t.Errorf("%q", got)
	}
	for _, l := range strings.Split(got, "\n") {
		if len(strings.TrimPrefix(l, "> ")) > 14 {
			t.Errorf("line %q", l)
		}
	}
}
