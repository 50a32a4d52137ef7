package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/stagelock/stagelock/cmd/stagelock/demo"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine"
)

// sourceSite is where the archive of an environment comes from.
const sourceSite = 20121

// raceOptions are those of the race detector, which a command has to be told of: by itself each waits a second before it
// ends.
const raceOptions = "GORACE"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stagelock": main})
}

// TestScripts runs the commands as a user does; each script is named after what it shows.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

func runScripts(t *testing.T, dir string) {
	t.Helper()
	lars, err := filepath.Abs("../../archive/testdata/lar")
	if err != nil {
		t.Fatal(err)
	}
	run := services{&sync.Map{}}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"arrived": arrived, "exits": exitsWith, "environment": startEnvironment, "append": appendTo, "hold": hold,
			"engine": run.engine, "gateway": run.gateway, "ended": run.stop, "killed": run.kill, "capture": capture,
			"port": portOf, "pair": run.pair, "random": randomFile, "peak": run.peak, "fill": fill, "serve": run.serve,
			"until": until,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "ipv6" {
				return false, errors.New("no such condition")
			}
			l, err := net.Listen("tcp6", "[::1]:0")
			if err != nil {
				return false, nil
			}
			return true, l.Close()
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("LARS", lars)
			e.Setenv("NO_COLOR", "1")
			e.Setenv(raceOptions, os.Getenv(raceOptions))
			return nil
		},
	})
}

// until runs a command again and again until its output matches: until PATTERN COMMAND...
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	late, again := time.After(2*time.Minute), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			ts.Fatalf("no %q in %q", args[0], ts.ReadFile("stdout"))
		}
	}
}

// exitsWith runs a command that must end with that code: exits 64 stagelock publish.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// arrived repeats a stagelock command until its output has a text: arrived 'COMMAND' TEXT.
func arrived(ts *testscript.TestScript, _ bool, args []string) {
	deadline, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		err := ts.Exec("stagelock", strings.Fields(args[0])...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), args[1]) {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%q does not say %q within 30 seconds", args[0], args[1])
		case <-tick.C:
		}
	}
}

// appendTo adds text to a file: append FILE TEXT.
func appendTo(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(args[1])
	ts.Check(errors.Join(err, f.Close()))
}

// hold starts a server that answers nothing but that status: hold 404. Its address is $HELD.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	s := &raw{answer: "HTTP/1.1 " + args[0] + " Text\r\nContent-Length: 0\r\n" + strings.Join(args[1:], "\r\n") + "\r\n\r\n"}
	address, stop, err := s.serve()
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("HELD", "http://"+address)
}

// startEnvironment starts an engine behind its gateway, and leaves an archive for it in $LAR:
// environment SITE.
func startEnvironment(ts *testscript.TestScript, _ bool, args []string) {
	site, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	ctx := context.Background()
	sh := &term.Shell{In: strings.NewReader(""), Out: os.Stderr, Err: os.Stderr, Now: time.Now, Rand: rand.Reader}
	e, err := demo.NewEnvironment(ctx, sh, ts.MkAbs("live"), "live", "staging", site)
	ts.Check(err)
	ts.Defer(func() { ts.Check(e.Close()) })
	_, err = e.Engine.CreateSite(ctx, engine.Site{ID: sourceSite, Name: "Source"})
	ts.Check(err)
	_, err = e.Engine.AddPage(ctx, sourceSite, "Home", strings.Repeat("Welcome. ", 500), engine.PageOptions{})
	ts.Check(err)
	lar, err := e.Engine.Export(ctx, sourceSite, engine.ExportOptions{})
	ts.Check(err)
	ts.Check(os.Rename(lar.Path, ts.MkAbs("site.lar")))
	for name, value := range map[string]string{
		"LAR": ts.MkAbs("site.lar"), "TO": e.URL(), "CA": e.CA, "KEY": e.SecretFile(), "DATA": string(e.Data()), "ENGINE": e.EngineURL(),
	} {
		ts.Setenv(name, value)
	}
}
