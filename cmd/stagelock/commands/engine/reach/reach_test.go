package reach_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// within runs f as a command with these arguments, flags first.
func within(t *testing.T, f func(c *cli.Context) error, args ...string) error {
	t.Helper()
	app := &cli.App{Name: "stagelock", Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{}, ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{{Name: "do", Action: f, Flags: reach.Flags(&cli.Int64Flag{Name: "site"})}}}
	return app.RunContext(t.Context(), append([]string{"stagelock", "do"}, args...))
}

func TestNumberIsTheWholeOperand(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want int64
		says string // of what is refused
	}{
		{"a number", []string{"7"}, 7, ""}, {"the largest", []string{"9223372036854775807"}, 9223372036854775807, ""},
		{"none", nil, 0, "do needs the ID"}, {"two", []string{"1", "2"}, 0, `does not know what to do with "2"`},
		{"nothing", []string{""}, 0, `"" is no id`}, {"zero", []string{"0"}, 0, `"0" is no id`}, {"a negative one", []string{"--", "-7"}, 0, `"-7" is no id`},
		{"a word", []string{"seven"}, 0, `"seven" is no id`}, {"a number and a word", []string{"7th"}, 0, `"7th" is no id`},
		{"two numbers in one", []string{"7 8"}, 0, `"7 8" is no id`}, {"a fraction", []string{"7.5"}, 0, `"7.5" is no id`},
		{"too large", []string{"9223372036854775808"}, 0, "is no id"}, {"a number behind a blank", []string{" 7"}, 0, "is no id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got int64
			err := within(t, func(c *cli.Context) (err error) {
				got, err = reach.Number(c, "the ID")
				return err
			}, tt.args...)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) || got != tt.want {
				t.Errorf("%d, %v, want %d, %q", got, err, tt.want, tt.says)
			}
			var usage *term.UsageError
			if tt.says != "" && !errors.As(err, &usage) {
				t.Errorf("%T is no misuse", err)
			}
		})
	}
}

func TestSite(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int64
	}{{[]string{"--site", "20143"}, 20143}, {nil, 0}, {[]string{"--site", "0"}, 0}, {[]string{"--site", "-3"}, 0}} {
		var got int64
		err := within(t, func(c *cli.Context) (err error) {
			got, err = reach.Site(c)
			return err
		}, tt.args...)
		says := "do needs --site, the id of a site"
		if len(tt.args) > 0 {
			says = "--site " + tt.args[1] + " is no id: ids are above 0"
		}
		if got != tt.want || (err == nil) != (tt.want > 0) || err != nil && err.Error() != says {
			t.Errorf("%q: %d, %v", tt.args, got, err)
		}
	}
}

// engine answers commands with a status and a body, and notes what it was asked.
type engine struct {
	*httptest.Server
	status int
	body   string
	asked  []string
	token  string
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{status: http.StatusOK, body: `{"id":5}`}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked, e.token = append(e.asked, r.URL.Path), r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(e.status)
		fmt.Fprint(w, e.body)
	}))
	t.Cleanup(e.Close)
	return e
}

// folder is the data folder of an engine that takes commands there.
func (e *engine) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, reach.TokenFile), []byte(" t0ken\n"), 0o600))
	must(t, reach.LeaveWord(dir, e.Listener.Addr()))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask(c *cli.Context) error {
	_, err := reach.Ask[map[string]any](c, "site.show", struct{}{})
	return err
}

// An engine is found by its data folder, or by its address and a token.
func TestAnEngineIsFound(t *testing.T) {
	e := newEngine(t)
	dir := e.folder(t)
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("t0ken"), 0o600))
	for name, args := range map[string][]string{
		"by its folder":           {"--engine", dir},
		"by its address":          {"--engine", e.URL, "--token-file", token},
		"with a slash at its end": {"--engine", e.URL + "/", "--token-file", token},
	} {
		e.asked = nil
		if err := within(t, ask, args...); err != nil || len(e.asked) != 1 || strings.Contains(e.asked[0], "//") || !strings.Contains(e.token, "t0ken") {
			t.Errorf("%s: asked %q with %q: %v", name, e.asked, e.token, err)
		}
	}
}

// What an engine that refuses, fails or is none makes of a command.
func TestWhatAnEngineSaysIsExplained(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		kind   string // of the error
		says   string
	}{
		{"not allowed", 401, `{"message":"wrong token","cure":"take the engine's own"}`, "denied", "wrong token"},
		{"forbidden", 403, `{"message":"only from this machine"}`, "denied", "only from this machine"},
		{"refused", 400, `{"message":"no such site","cure":"stagelock site list"}`, "data", "no such site"},
		{"failed", 500, `{"message":"the disk is full"}`, "data", "the disk is full"},
		{"live is away", 502, `{"code":"no-connection","message":"unable to connect","cure":"check the port"}`, "unreachable", "unable to connect"},
		{"at work", 503, `{"code":"busy","message":"another publish is running"}`, "busy", "another publish"},
		{"another server", 200, "<html>", "bad answer", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t)
			e.status, e.body = tt.status, tt.body
			err := within(t, ask, "--engine", e.folder(t))
			var f *failure.Failure
			var d *term.DataError
			kind := ""
			switch {
			case errors.As(err, &f) && f.Kind == failure.Denied:
				kind = "denied"
			case errors.As(err, &f) && f.Kind == failure.BadAnswer:
				kind = "bad answer"
			case errors.As(err, &f) && (f.Kind == failure.Unreachable || f.Kind == failure.Busy):
				kind = string(f.Kind)
			case errors.As(err, &d):
				kind = "data"
			}
			if kind != tt.kind || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("%s: %v (%T), want %s with %q", kind, err, err, tt.kind, tt.says)
			}
		})
	}
}

func TestAnEngineThatIsGone(t *testing.T) {
	e := newEngine(t)
	dir := e.folder(t)
	e.Close()
	err := within(t, ask, "--engine", dir)
	var d *term.DataError
	if !errors.As(err, &d) || !strings.Contains(d.Msg, "no engine runs on "+dir) || !strings.Contains(d.Cure, "stagelock engine run --data "+dir) {
		t.Errorf("by its folder: %v", err)
	}
	words, err := filepath.Glob(filepath.Join(dir, "commands", "*"))
	if err != nil || len(words) > 0 {
		t.Errorf("its word is left: %q, %v", words, err)
	}
	err = within(t, ask, "--engine", e.URL, "--token-file", filepath.Join(dir, reach.TokenFile))
	var f *failure.Failure
	if !errors.As(err, &f) || f.Kind != failure.Unreachable {
		t.Errorf("by its address: %v", err)
	}
}

// What a command failed with that was stopped stays what it is.
func TestAStopIsNotExplained(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := reach.Explained(ctx, context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := reach.Explained(t.Context(), nil); err != nil {
		t.Errorf("nothing is explained as %v", err)
	}
	err := reach.Explained(t.Context(), fmt.Errorf("read: %w", &control.Failure{Status: 403, Message: "no"}))
	var f *failure.Failure
	if !errors.As(err, &f) || f.Kind != failure.Denied {
		t.Errorf("a wrapped one: %v", err)
	}
}

// Two engines on one folder leave a word each, and each takes its own back.
func TestWordsOfEngines(t *testing.T) {
	dir := t.TempDir()
	first, second := listen(t), listen(t)
	must(t, reach.LeaveWord(dir, first.Addr()))
	must(t, reach.LeaveWord(dir, second.Addr()))
	words := func() int {
		all, err := filepath.Glob(filepath.Join(dir, "commands", "*"))
		must(t, err)
		return len(all)
	}
	if words() != 2 {
		t.Errorf("%d words", words())
	}
	must(t, reach.TakeWordBack(dir, first.Addr()))
	if words() != 1 {
		t.Errorf("%d words after one was taken back", words())
	}
	if err := reach.TakeWordBack(dir, first.Addr()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("taken back again: %v", err)
	}
	second.Close() // killed: it takes nothing back
	third := listen(t)
	must(t, reach.LeaveWord(dir, third.Addr()))
	if words() != 1 {
		t.Errorf("%d words, and one engine lives", words())
	}
	info, err := os.Stat(filepath.Join(dir, "commands"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// A word is a file's name, whatever an address looks like: none leaves the folder.
func TestWordsStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	for _, a := range []net.Addr{&net.TCPAddr{IP: net.ParseIP("fd00::1"), Port: 1}, &net.UnixAddr{Name: "../../x", Net: "unix"}, &net.UnixAddr{Name: "/etc/passwd", Net: "unix"}} {
		must(t, reach.LeaveWord(dir, a))
		must(t, reach.TakeWordBack(dir, a))
	}
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(all) != 1 {
		t.Errorf("%q, %v", all, err)
	}
}
