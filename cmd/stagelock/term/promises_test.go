package term_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// closed is an output whose reader has gone.
type closed struct{ after int }

func (c *closed) Write(p []byte) (int, error) {
	if c.after -= len(p); c.after < 0 {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

// Whoever writes to an output that was closed is told, with the exit code of an output.
func TestOutputThatWasClosed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(*term.Shell) error
	}{
		{"a line", func(sh *term.Shell) error { return sh.Printf("%s\n", "a") }},
		{"JSON", func(sh *term.Shell) error { return sh.Print(map[string]int{"a": 1}) }},
		{"a table", func(sh *term.Shell) error { return sh.Table([][]string{{"a", "b"}, {"c", "d"}}) }},
		{"JSON of what has none", func(sh *term.Shell) error { return sh.Print(math.NaN()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.write(&term.Shell{Out: &closed{}})
			if term.ExitCode(err) != term.ExitOutput || !strings.HasPrefix(err.Error(), "cannot write: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows [][]string
		want string
	}{
		{"none", nil, ""},
		{"columns are aligned", [][]string{{"a", "bb", "c"}, {"aaa", "b", "c"}}, "a    bb  c\naaa  b   c\n"},
		{"no blanks at the end", [][]string{{"a", ""}, {"aaa", "b"}, {"", ""}}, "a\naaa  b\n\n"},
		{"letters count, not bytes", [][]string{{"é", "1"}, {"ee", "2"}}, "é   1\nee  2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (&term.Shell{Out: &out}).Table(tt.rows); err != nil || out.String() != tt.want {
				t.Errorf("got %q, %v, want %q", out.String(), err, tt.want)
			}
		})
	}
}

// JSON is one line, whatever is in it, and shows addresses as they are.
func TestPrintIsOneLine(t *testing.T) {
	var out bytes.Buffer
	if err := (&term.Shell{Out: &out}).Print(map[string]string{"a": "x\ny\u2028<&>"}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != `{"a":"x\ny\u2028<&>"}`+"\n" {
		t.Errorf("got %q", got)
	}
}

func TestWordsForAmounts(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"nothing", term.Size(0), "0 bytes"}, {"below a unit", term.Size(1023), "1023 bytes"}, {"a unit", term.Size(1024), "1.0 KiB"},
		{"one and a half", term.Size(3 << 19), "1.5 MiB"}, {"large", term.Size(5 << 30), "5.0 GiB"}, {"beyond units", term.Size(5000 << 40), "5000.0 TiB"},
		{"all", term.Size(math.MaxInt64), "8388608.0 TiB"}, {"below the next unit", term.Size(1<<20 - 1), "1.0 MiB"}, {"just below that", term.Size(1048524), "1023.9 KiB"},
		{"no time", term.Span(0), "0 ms"}, {"milliseconds", term.Span(999 * time.Millisecond), "999 ms"}, {"seconds", term.Span(1500 * time.Millisecond), "1.5 s"},
		{"below a minute", term.Span(59 * time.Second), "59.0 s"}, {"almost a minute", term.Span(59990 * time.Millisecond), "1m0s"}, {"a minute", term.Span(time.Minute), "1m0s"}, {"hours", term.Span(2*time.Hour + 400*time.Millisecond), "2h0m0s"},
		{"none", term.Count(0, "part"), "0 parts"}, {"one", term.Count(1, "part"), "1 part"}, {"two", term.Count(2, "part"), "2 parts"},
		{"a time elsewhere", term.Stamp(time.Date(2026, 3, 1, 1, 0, 0, 0, time.FixedZone("", 7200))), "2026-02-28T23:00:00Z"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestEnv(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		want string
	}{
		{"none", nil, ""}, {"one", []string{"A=1"}, "1"}, {"the last counts", []string{"A=1", "A=2"}, "2"}, {"the last may be empty", []string{"A=1", "A="}, ""},
		{"a longer name", []string{"AB=1"}, ""}, {"an equals sign in it", []string{"A=b=c"}, "b=c"}, {"in another case", []string{"a=1"}, ""}, {"no equals sign", []string{"A"}, ""},
	} {
		if got := (&term.Shell{Environ: tt.env}).Env("A"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What is no terminal gets no colours, and cannot be asked.
func TestWhatIsNoTerminal(t *testing.T) {
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer other.Close()
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sh := &term.Shell{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Environ: []string{"TERM=xterm"}}
	for _, f := range []*os.File{pipe, other, file} {
		if p := sh.Paint(f); sh.Terminal(f) || p.Good("a")+p.Bad("b")+p.Warn("c") != "abc" {
			t.Errorf("%s is a terminal", f.Name())
		}
		sh.In = f
		if s, err := sh.AskSecret("Secret: "); !errors.Is(err, term.ErrNoTerminal) || s != "" {
			t.Errorf("%s was asked: %q, %v", f.Name(), s, err)
		}
	}
	if sh.Err.(*bytes.Buffer).Len() > 0 {
		t.Error("something was asked where nobody is")
	}
}

func TestStopped(t *testing.T) {
	by := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		return ctx
	}
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		want bool
	}{
		{"by a signal", by(term.Signal{Signal: os.Interrupt}), fmt.Errorf("read: %w", context.Canceled), true},
		{"by a signal that was wrapped", by(fmt.Errorf("asked: %w", term.Signal{Signal: os.Interrupt})), context.Canceled, true},
		{"for another cause", by(errors.New("x")), context.Canceled, false},
		{"another failure meanwhile", by(term.Signal{Signal: os.Interrupt}), errors.New("disk full"), false},
		{"not at all", context.Background(), context.Canceled, false},
	} {
		if got := term.Stopped(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Every kind of failure is told with its cure, in words and for a script, under one exit code.
func TestReportOfEachKind(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		code int
		kind string
		want string // in words
	}{
		{"usage", &term.UsageError{Msg: "no", Command: "stagelock audit list"}, 64, "usage", "stagelock: no\n  what to do: see stagelock audit list --help\n"},
		{"usage of nothing named", term.Usagef("no %d", 1), 64, "usage", "stagelock: no 1\n  what to do: see stagelock help\n"},
		{"data", &term.DataError{Msg: "bad", Cure: "mend"}, 65, "data", "stagelock: bad\n  what to do: mend\n"},
		{"data without a cure", &term.DataError{Msg: "bad"}, 65, "data", "stagelock: bad\n"},
		{"unavailable", &term.UnavailableError{Msg: "away", Cure: "start it"}, 69, "unavailable", "stagelock: away\n  what to do: start it\n"},
		{"again", &term.AgainError{Msg: "busy", Cure: "wait"}, 75, "again", "stagelock: busy\n  what to do: wait\n"},
		{"denied", &term.DeniedError{Msg: "no", Cure: "ask"}, 77, "denied", "stagelock: no\n  what to do: ask\n"},
		{"an archive", refusal.New(refusal.CodeParts, "no parts"), 65, "archive", "stagelock: no parts\n  what to do: " + refusal.New(refusal.CodeParts, "").Cure() + "\n"},
		{"wrapped", fmt.Errorf("archive a.lar: %w", &term.DataError{Msg: "bad", Cure: "mend"}), 65, "data", "stagelock: archive a.lar: bad\n  what to do: mend\n"},
		{"output", &term.OutputError{Err: syscall.ENOSPC}, 73, "", "stagelock: cannot write: no space left on device\n  what to do: make room on the disk, or name a file on another\n"},
		{"unclean", &term.UncleanError{Err: errors.New("two calls were cut")}, 3, "", "stagelock: the gateway did not end in order: two calls were cut\n"},
		{"a configuration", &term.ConfigError{Msg: "bad file"}, 78, "", "stagelock: bad file\n"},
		{"a configuration whose problems were told", &term.ConfigError{Msg: "bad file", Said: true}, 78, "-", ""},
		{"said already", &term.SilentError{Code: 65}, 65, "-", ""},
		{"said already, wrapped", fmt.Errorf("x: %w", &term.SilentError{Code: 1}), 1, "-", ""},
		{"nothing", nil, 0, "-", ""},
		{"lines of a stranger", errors.New("a\nstagelock: all is well\x1b[0m"), 1, "", "stagelock: a?stagelock: all is well?[0m\n"},
		{"references", &failure.Failure{Kind: failure.Missing, Msg: "missing", References: []string{"a\tb"}, Known: "nothing was sent"}, 65, "missing-references", "stagelock: missing\n  missing: a?b\n  what is known: nothing was sent\n"},
		{"unreadable", &failure.Failure{Kind: failure.Unreadable, Msg: "cannot be read", Err: errors.New("disk")}, 65, "unreadable", "stagelock: cannot be read: disk\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := (&term.Shell{Out: &out, Err: &errs}).Report(tt.err); code != tt.code || errs.String() != tt.want || out.Len() > 0 {
				t.Errorf("exit %d, want %d; got %q, want %q", code, tt.code, errs.String(), tt.want)
			}
			errs.Reset()
			if code := (&term.Shell{Out: &out, Err: &errs, JSON: true}).Report(tt.err); code != tt.code || errs.Len() > 0 {
				t.Errorf("for a script: exit %d, want %d; said %q", code, tt.code, errs.String())
			}
			if tt.kind == "-" {
				if out.Len() > 0 {
					t.Errorf("for a script: %s", &out)
				}
				return
			}
			var r struct {
				OK            bool
				Exit          int
				Kind, Message string
			}
			if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.OK || r.Exit != tt.code || r.Kind != tt.kind || r.Message == "" {
				t.Errorf("for a script: %s, %v", &out, err)
			}
		})
	}
}

// steps is a publish as a display is told of it.
var steps = []publisher.Progress{
	{Stage: term.StageVerify, Done: 1, Total: 100},
	{Stage: publisher.StageCheck},
	{Stage: publisher.StageCheck, Beats: 2},
	{Note: "goes on\x1b behind part 3"},
	{Stage: publisher.StageUpload, Part: 1, Parts: 4, Done: 10, Arrived: 0, Total: 100},
	{Stage: publisher.StageUpload, Part: 1, Parts: 4, Done: 20, Arrived: 9, Total: 100},
	{Stage: publisher.StageUpload, Part: 1, Parts: 4, Done: 30, Arrived: 10, Total: 100},
	{Stage: publisher.StageUpload, Part: 2, Parts: 4, Done: 50, Arrived: 50, Total: 100},
	{Stage: publisher.StageUpload, Retry: 2, Wait: 1500 * time.Millisecond, Err: &failure.Failure{Msg: "live is\raway"}},
	{Stage: publisher.StageUpload, Part: 4, Parts: 4, Done: 100, Arrived: 100, Total: 100},
	{Stage: publisher.StagePublish},
	{Stage: publisher.StagePublish},
	{Stage: publisher.StageCleanUp},
}

// shown is what a display writes of steps, one second apart.
func shown(sh *term.Shell) {
	now := time.Unix(1e9, 0)
	sh.Now = func() time.Time { now = now.Add(time.Second); return now }
	d := sh.NewDisplay(100)
	for _, p := range steps {
		d.Update(p)
	}
	d.Close()
}

// Without a terminal each step is a line, and each tenth of the upload that has arrived.
func TestDisplayInLines(t *testing.T) {
	var out, errs bytes.Buffer
	shown(&term.Shell{Out: &out, Err: &errs})
	want := []string{"checking the archive", "asking for the live site", "  note: goes on? behind part 3",
		"uploading  10 %  part 1 of 4, 10 bytes of 100 bytes, 9.0 s left", "uploading  50 %  part 2 of 4, 50 bytes of 100 bytes, 2.0 s left",
		"  live is?away; attempt 2 in 1.5 s", "uploading 100 %  part 4 of 4, 100 bytes of 100 bytes", "importing on live", "cleaning up", ""}
	if got := errs.String(); got != strings.Join(want, "\n") || out.Len() > 0 {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// For a script each is a line of JSON with what it is; what was told already is not told again.
func TestDisplayForAScript(t *testing.T) {
	var out, errs bytes.Buffer
	shown(&term.Shell{Out: &out, Err: &errs, JSON: true})
	var events []string
	for line := range strings.Lines(out.String()) {
		var r struct {
			Event, Stage, Message string
			Part, Attempt         int
			Wait                  int64 `json:"wait_ms"`
			ETA                   int64 `json:"eta_ms"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, r.Event+" "+r.Stage)
		switch r.Event {
		case "retry":
			if r.Attempt != 2 || r.Wait != 1500 || r.Message == "" {
				t.Errorf("retry %s", line)
			}
		case "note":
			if r.Message == "" {
				t.Errorf("note %s", line)
			}
		}
		if r.ETA < 0 {
			t.Errorf("time goes back: %s", line)
		}
	}
	want := []string{"progress verify", "progress " + string(publisher.StageCheck), "heartbeat " + string(publisher.StageCheck), "note "}
	up, publish := " "+string(publisher.StageUpload), "progress "+string(publisher.StagePublish)
	want = append(want, "progress"+up, "progress"+up, "progress"+up, "progress"+up, "retry"+up, "progress"+up, publish, "progress "+string(publisher.StageCleanUp))
	if !slices.Equal(events, want) {
		t.Errorf("got  %q\nwant %q", events, want)
	}
	if errs.Len() > 0 {
		t.Errorf("said %s", &errs)
	}
}

// A display that cannot write does not stop the publish.
func TestDisplayOfAClosedOutput(t *testing.T) {
	for _, json := range []bool{false, true} {
		shown(&term.Shell{Out: &closed{40}, Err: &closed{40}, JSON: json})
	}
}

func TestETA(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     publisher.Progress
		since time.Duration
		want  string
	}{
		{"half", publisher.Progress{Arrived: 50, Total: 100}, time.Minute, "1m0s"},
		{"what was sent earlier does not count", publisher.Progress{Arrived: 50, Skipped: 40, Total: 100}, 10 * time.Second, "50.0 s"},
		{"nothing has arrived", publisher.Progress{Done: 50, Total: 100}, time.Minute, ""},
		{"only what was sent earlier", publisher.Progress{Arrived: 40, Skipped: 40, Total: 100}, time.Minute, ""},
		{"all has arrived", publisher.Progress{Arrived: 100, Total: 100}, time.Minute, ""},
		{"more than all", publisher.Progress{Arrived: 101, Total: 100}, time.Minute, ""},
		{"at once", publisher.Progress{Arrived: 50, Total: 100}, 0, ""},
		{"a clock that was set back", publisher.Progress{Arrived: 50, Total: 100}, -time.Second, ""},
		{"years", publisher.Progress{Arrived: 1, Total: math.MaxInt64}, time.Hour, ""},
	} {
		if got := term.ETA(tt.p, tt.since); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
