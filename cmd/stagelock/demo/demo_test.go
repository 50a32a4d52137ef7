package demo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/demo"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
)

func demoShell(out io.Writer) *term.Shell {
	return &term.Shell{In: strings.NewReader(""), Out: out, Err: &bytes.Buffer{}, Now: time.Now,
		Rand: rand.Reader}
}

func run(ctx context.Context, sh *term.Shell, more ...string) int {
	return commands.Run(ctx, sh, append([]string{"stagelock", "demo", "--brochure", "256KiB"}, more...))
}

func TestDemoForScripts(t *testing.T) {
	var out bytes.Buffer
	sh := demoShell(&out)
	if code := run(t.Context(), sh, "--json"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out.String(), sh.Err)
	}
	var d demo.Report
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if !d.OK || len(d.Environments) != 2 || len(d.Publishes) != 2 || !d.Audit.OK {
		t.Fatalf("%s", out.String())
	}
	for i, want := range []int{6, 1} {
		p := d.Publishes[i]
		if len(p.Arrived) != want {
			t.Errorf("%d items arrived at %s, want %d", len(p.Arrived), p.To, want)
		}
		for _, it := range p.Arrived {
			if !it.Same {
				t.Errorf("%s %s differs", it.Kind, it.Name)
			}
		}
		for _, ev := range p.Verdicts {
			if ev.Kind == audit.KindVerdict && ev.Verdict != audit.Allow {
				t.Errorf("verdict %+v", ev)
			}
		}
	}
	reasons := map[string]string{}
	for _, a := range d.Attacks {
		reasons[a.Name] = string(a.Verdict.Reason)
		if a.Ran != 0 || a.Verdict.Verdict != audit.Deny || a.Verdict.Rule == "" {
			t.Errorf("attack %s: %+v", a.Name, a)
		}
	}
	if len(reasons) < 4 { // one is not tried where there is no second loopback address
		t.Errorf("attacks %v", reasons)
	}
}

func TestDemoForPeople(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), demoShell(&out)); code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	for _, want := range []string{"arrived, says the engine of live", "same bytes as on staging", "version 2", "secret.wrong", "whole:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said:\n%s", want, out.String())
		}
	}
	for _, l := range strings.Split(out.String(), "\n") {
		if len(l) > 110 || strings.Contains(l, "\x1b") || strings.HasSuffix(l, " ") {
			t.Errorf("line %q", l)
		}
	}
}

// A demo that is kept says how to publish, and what it says works.
func TestDemoKept(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	lines := make(chan string, 1)
	sh := demoShell(nil)
	sh.Out = writerFunc(func(p []byte) (int, error) {
		lines <- string(p)
		return len(p), nil
	})
	code := make(chan int, 1)
	go func() { code <- run(ctx, sh, "--keep", "--json") }()
	var d demo.Report
	select {
	case l := <-lines:
		if err := json.Unmarshal([]byte(l), &d); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
	case c := <-code:
		t.Fatalf("exit code %d: %s", c, sh.Err)
	}
	var out bytes.Buffer
	again := demoShell(&out)
	if c := commands.Run(t.Context(), again, append([]string{"stagelock"}, d.Publish[1:]...)); c != 0 || !strings.HasPrefix(out.String(), "Published ") {
		t.Errorf("exit code %d: %s%s", c, out.String(), again.Err)
	}
	cancel(term.Signal{})
	if c := <-code; c != 0 {
		t.Errorf("exit code %d at the end", c)
	}
}

// TestFlagsThatADemoDoesNotTake are refused before anything starts: --keep kept nothing, and said nothing of it.
func TestFlagsThatADemoDoesNotTake(t *testing.T) {
	for _, args := range [][]string{{"--sync", "--keep"}, {"--cluster", "--keep"}, {"--sync", "--cluster"}} {
		var out, errs bytes.Buffer
		sh := demoShell(&out)
		sh.Err = &errs
		if code := run(t.Context(), sh, args...); code != 64 || out.Len() > 0 || !strings.Contains(errs.String(), args[1]) {
			t.Errorf("%v: exit code %d: %s%s", args, code, out.String(), errs.String())
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
