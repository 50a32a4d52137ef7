package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// shows is a view whose output is kept.
func shows(asJSON bool) (*view, *bytes.Buffer) {
	var out bytes.Buffer
	return newView(&term.Shell{Out: &out, Err: io.Discard, JSON: asJSON}), &out
}

func TestWrapBreaksAtBlanks(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		width      int
		want       string
	}{
		{"nothing", "", 10, ""},
		{"one word", "word", 10, "word"},
		{"fits exactly", "ab cd", 5, "ab cd"},
		{"one too long", "ab cde", 5, "ab\n> cde"},
		{"three lines", "aa bb cc dd ee", 5, "aa bb\n> cc dd\n> ee"},
		{"a word longer than a line", "a verylongword b", 5, "a\n> verylongword\n> b"},
		{"a long word first", "verylongword b", 5, "verylongword\n> b"},
		{"blanks are one", "  a \t b\n\nc ", 20, "a b c"},
		{"no width at all", "a b", 0, "a\n> b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrap(tt.text, tt.width, "> "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestShortNamesOfMethods(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a method", "com.example.StagingServiceUtil#publish(long,java.lang.String)", "publish"},
		{"without parameters", "a.B#c()", "c"}, {"without a parenthesis", "a.B#c", "c"},
		{"without a service", "checkRemote", "checkRemote"}, {"nothing", "", ""}, {"a service only", "a.B#", ""},
	} {
		if got := short(tt.in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFirstSentenceLeavesOutTheCause(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"with a cause", "the secret is wrong (no key of 2 matches)", "the secret is wrong"},
		{"two causes", "a (b) c (d)", "a"}, {"none", "no cause", "no cause"}, {"in a word", "f(x) is odd", "f(x) is odd"},
		{"a cause only", " (x)", " (x)"}, {"nothing", "", ""},
	} {
		if got := firstSentence(tt.in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestRefusalIsADenialOnly: an attack that failed otherwise, or that passed, proves nothing.
func TestRefusalIsADenialOnly(t *testing.T) {
	other := errors.New("connection reset")
	for _, tt := range []struct {
		name string
		err  error
		good bool
		want error // is in what is returned
	}{
		{"it passed", nil, false, errPassed},
		{"denied", &failure.Failure{Kind: failure.Denied}, true, nil},
		{"refused", &failure.Failure{Kind: failure.Refused}, true, nil},
		{"denied, with words around it", fmt.Errorf("call: %w", &failure.Failure{Kind: failure.Denied}), true, nil},
		{"the engine's exception", &failure.Failure{Kind: failure.Exception}, false, nil},
		{"nobody was reached", &failure.Failure{Kind: failure.Unreachable}, false, nil},
		{"nobody knows", &failure.Failure{Kind: failure.Uncertain}, false, nil},
		{"busy", &failure.Failure{Kind: failure.Busy}, false, nil},
		{"of no kind", other, false, other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := refusal(tt.err)
			if (err == nil) != tt.good || (f != nil) != tt.good {
				t.Errorf("got %v, %v", f, err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestAttacksAreOfOneNameAndOneCall: each is told by its name, and what must not run is known.
func TestAttacksAreOfOneNameAndOneCall(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range attacks {
		if a.name == "" || a.method == "" || a.try == nil || seen[a.name] {
			t.Errorf("%+v", a)
		}
		seen[a.name] = true
	}
	if len(attacks) != 5 { // as the title above them says
		t.Errorf("%d attacks", len(attacks))
	}
}

func verdictOf(ref, name string, v audit.Verdict) audit.Event {
	return audit.Event{Kind: audit.KindVerdict, Ref: ref, Verdict: v, About: audit.About{Method: "a.B#" + name + "(long)"}}
}

func outcomeOf(ref string, bytes, micros int64) audit.Event {
	ev := audit.Event{Kind: audit.KindOutcome, Ref: ref}
	ev.Status, ev.BytesIn, ev.LatencyMicros = 200, bytes, micros
	return ev
}

// TestPassedCallsAreTallied: calls of one kind behind each other are one row, with their bytes and times in all.
func TestPassedCallsAreTallied(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []audit.Event
		want   []string
	}{
		{"none", nil, nil},
		{"one", []audit.Event{verdictOf("1", "check", audit.Allow), outcomeOf("1", 100, 1500)}, []string{"  allow|check||100 bytes|1.5 ms"}},
		{"without its outcome", []audit.Event{verdictOf("1", "check", audit.Allow)}, []string{"  allow|check||0 bytes|0.0 ms"}},
		{"three parts", []audit.Event{verdictOf("1", "update", audit.Allow), outcomeOf("1", 1024, 1000), verdictOf("2", "update", audit.Allow), outcomeOf("2", 1024, 2000),
			verdictOf("3", "update", audit.Allow), outcomeOf("3", 512, 500)}, []string{"  allow|update|3 calls|2.5 KiB|3.5 ms"}},
		{"another in between", []audit.Event{verdictOf("1", "a", audit.Allow), verdictOf("2", "b", audit.Allow), verdictOf("3", "a", audit.Allow)},
			[]string{"  allow|a||0 bytes|0.0 ms", "  allow|b||0 bytes|0.0 ms", "  allow|a||0 bytes|0.0 ms"}},
		{"another verdict", []audit.Event{verdictOf("1", "a", audit.Allow), verdictOf("2", "a", audit.Deny)}, []string{"  allow|a||0 bytes|0.0 ms", "  deny|a||0 bytes|0.0 ms"}},
		{"outcomes of others", []audit.Event{outcomeOf("9", 7, 7), verdictOf("1", "a", audit.Allow)}, []string{"  allow|a||0 bytes|0.0 ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, _ := shows(false)
			var got []string
			for _, r := range v.passed(tt.events) {
				got = append(got, strings.Join(r, "|"))
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestStoppedIsShown: the verdict in the log's words, and what the engine says of it.
func TestStoppedIsShown(t *testing.T) {
	denied := audit.Event{Verdict: audit.Deny, Reason: "secret.wrong"}
	denied.Rule, denied.Detail = "secret", "it is\x1b wrong (cause)"
	for _, tt := range []struct {
		name string
		ran  int
		want string
	}{
		{"nothing ran", 0, "  a guess\n    deny at secret, secret.wrong:\n    it is? wrong\n    the engine carried out nothing of it\n"},
		{"one ran", 1, "  a guess\n    deny at secret, secret.wrong:\n    it is? wrong\n    the engine carried out 1 call\n"},
		{"two ran", 2, "  a guess\n    deny at secret, secret.wrong:\n    it is? wrong\n    the engine carried out 2 calls\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, out := shows(false)
			if err := v.stopped(attack{name: "a guess"}, denied, tt.ran); err != nil || out.String() != tt.want {
				t.Errorf("got %q, %v, want %q", out, err, tt.want)
			}
			if len(v.report.Attacks) != 1 || v.report.Attacks[0].Ran != tt.ran || v.report.Attacks[0].Verdict.Reason != tunnel.Reason("secret.wrong") {
				t.Errorf("reported %+v", v.report.Attacks)
			}
		})
	}
}

// TestSkippedIsNoAttack: it is told to people, and not counted among those that were stopped.
func TestSkippedIsNoAttack(t *testing.T) {
	v, out := shows(false)
	if err := v.skipped(attack{name: "a guess"}, errUntried); err != nil || len(v.report.Attacks) != 0 {
		t.Errorf("%v %v", err, v.report.Attacks)
	}
	if want := "  a guess\n    not tried: this machine has no second loopback address\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// TestVerifiedIsShown: whole or damaged, as the log's own report says.
func TestVerifiedIsShown(t *testing.T) {
	for _, tt := range []struct {
		name   string
		report proof.Report
		want   string
		ok     bool
	}{
		{"whole", proof.Report{Records: 12, Checkpoints: 2, Msg: "all is signed"}, "\nThe audit log of live\n  whole: all is signed\n", true},
		{"damaged", proof.Report{Records: 12, FirstBad: 5, Msg: "record 5\x1b was changed"}, "\nThe audit log of live\n  damaged: record 5? was changed\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, out := shows(false)
			if err := v.verified(&Environment{name: "live"}, tt.report); err != nil || out.String() != tt.want {
				t.Errorf("got %q, %v, want %q", out, err, tt.want)
			}
			if a := v.report.Audit; a.OK != tt.ok || a.Records != 12 || a.Checkpoints != tt.report.Checkpoints || a.FirstBad != uint64(tt.report.FirstBad) {
				t.Errorf("reported %+v", a)
			}
		})
	}
}

// TestScriptsGetTheReportOnly: with JSON nothing is said before the end, and the end says whether all attacks were stopped.
func TestScriptsGetTheReportOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		ran  []int
		ok   bool
	}{
		{"no attack", nil, true}, {"all were stopped", []int{0, 0}, true}, {"the last one ran", []int{0, 1}, false}, {"the first one ran", []int{2, 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, out := shows(true)
			steps := []error{v.title("A"), v.rows([][]string{{"a", "b"}}), v.skipped(attack{}, errUntried), v.verified(&Environment{name: "live"}, proof.Report{})}
			for _, n := range tt.ran {
				steps = append(steps, v.stopped(attack{name: "x"}, audit.Event{}, n))
			}
			if err := errors.Join(steps...); err != nil || out.Len() != 0 {
				t.Fatalf("before the end: %q %v", out, err)
			}
			var r Report
			if err := v.end(); err != nil || strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("%q %v", out, err)
			}
			if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.OK != tt.ok || len(r.Attacks) != len(tt.ran) {
				t.Errorf("%s %v", out, err)
			}
		})
	}
}

func TestRowsAreIndented(t *testing.T) {
	v, out := shows(false)
	if err := v.rows([][]string{{"a", "b"}, {"ccc", "d"}}); err != nil || out.String() != "  a    b\n  ccc  d\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestConfigurationOfADemo: it names its peer, its site and its secret's file, never the secret.
func TestConfigurationOfADemo(t *testing.T) {
	e := &Environment{dir: t.TempDir(), site: 4711, inner: "127.0.0.1:9"}
	if err := e.makeKey(bytes.NewReader(bytes.Repeat([]byte{0xa5}, 64))); err != nil {
		t.Fatal(err)
	}
	text := e.configuration("staging")
	for _, want := range []string{"- name: staging\n", "sites: [4711]", `nodes: ["http://127.0.0.1:9"]`, fmt.Sprintf("secret: {file: %q", e.SecretFile())} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	b, err := os.ReadFile(e.SecretFile())
	if err != nil || len(bytes.TrimSpace(b)) < 32 || strings.Contains(text, string(bytes.TrimSpace(b))) {
		t.Errorf("the secret %q, %v", b, err)
	}
	if info, err := os.Stat(e.SecretFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
	if err := e.makeKey(bytes.NewReader(bytes.Repeat([]byte{1}, 64))); term.ExitCode(err) != term.ExitOutput {
		t.Errorf("a secret was written over: %v", err)
	}
}

func TestKeyOfADemoIsOneThatGatewaysTake(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		good      bool
	}{
		{"16 bytes", strings.Repeat("a5", 16), true}, {"32 bytes", strings.Repeat("a5", 32), true},
		{"15 bytes", strings.Repeat("a5", 15), false}, {"no digits", strings.Repeat("xy", 16), false}, {"nothing", "", false},
	} {
		if k, err := keyOf(tt.hex); (err == nil) != tt.good || (k != nil) != tt.good {
			t.Errorf("%s: %v %v", tt.name, k != nil, err)
		}
	}
}

// TestCloseOfWhatNeverBegan: an environment that failed to start closes what it has, and nothing else.
func TestCloseOfWhatNeverBegan(t *testing.T) {
	if err := (&Environment{}).Close(); err != nil {
		t.Error(err)
	}
	_, err := NewEnvironment(t.Context(), &term.Shell{Rand: strings.NewReader("")}, t.TempDir(), "live", "staging", 1)
	if err == nil || !strings.HasPrefix(err.Error(), "live: ") {
		t.Errorf("without randomness: %v", err)
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewEnvironment(t.Context(), &term.Shell{}, file, "live", "staging", 1); term.ExitCode(err) != term.ExitOutput {
		t.Errorf("a file in place of the folder: %v", err)
	}
}
