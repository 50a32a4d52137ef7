package harness_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// child tells TestMain what this binary is, started again.
const child = "STAGELOCK_HARNESS_CHILD="

func TestMain(m *testing.M) {
	switch what, file, _ := strings.Cut(os.Getenv(strings.TrimSuffix(child, "=")), ":"); what {
	case "serve":
		if err := harness.Serve(file, nil, func() { _ = os.WriteFile(file+".heard", nil, 0o600) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "silent":
	case "strange":
		fmt.Println("no JSON")
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		os.Exit(m.Run())
	}
}

// wire is a connection to a sink.
type wire struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, s *harness.Sink) wire {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return wire{c, t, bufio.NewReader(c)}
}

func (w wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads one answer; its error is how the connection ended instead.
func (w wire) answer() (string, error) {
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func post(body string) string {
	return fmt.Sprintf("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// ended waits until that many calls have ended, whole or cut.
func ended(t *testing.T, s *harness.Sink, n int) []harness.Received {
	t.Helper()
	return s.Await(t, 0, func(all []harness.Received) bool {
		done := 0
		for _, c := range all {
			if c.Ended {
				done++
			}
		}
		return done == n
	})
}

// TestASinkKeepsEveryByte of calls that come one behind another on one connection, and answers each.
func TestASinkKeepsEveryByte(t *testing.T) {
	s := harness.NewSink(t)
	s.Answer = func(body []byte) []byte { return []byte("got " + string(body)) }
	w := dial(t, s)
	bodies := []string{"one", "", "\x00\xff\r\n\r\n", strings.Repeat("x", 200<<10)}
	for _, b := range bodies {
		w.send(post(b))
	}
	for i, b := range bodies {
		if got, err := w.answer(); err != nil || got != "got "+b {
			t.Errorf("answer %d: %.20q, %v", i, got, err)
		}
	}
	total := 0
	for i, b := range s.Whole() {
		if total += len(b); string(b) != bodies[i] {
			t.Errorf("call %d: %.20q, want %.20q", i, b, bodies[i])
		}
	}
	if len(s.Whole()) != len(bodies) || len(s.Cut()) != 0 || s.Bytes() != int64(total) || s.Calls()[0].Head.URL.Path != "/x" {
		t.Errorf("%d whole, %d cut, %d bytes of %d", len(s.Whole()), len(s.Cut()), s.Bytes(), total)
	}
}

// TestASinkTellsWhatWasCut: a call that ends before its length is cut, is not answered, and is never whole.
func TestASinkTellsWhatWasCut(t *testing.T) {
	for _, tt := range []struct{ name, sent, kept string }{
		{"no byte of its body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", ""},
		{"all but one", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfour", "four"},
		{"a chunk that is none", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\nzz\r\n", "four"},
		{"chunks that say no length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n", "four"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := harness.NewSink(t)
			s.Answer = func([]byte) []byte { t.Error("it is answered"); return nil }
			w := dial(t, s)
			w.send(tt.sent)
			if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := w.answer(); err == nil {
				t.Errorf("answered %q", got)
			}
			if all := ended(t, s, 1); string(all[0].Body) != tt.kept || all[0].Whole() {
				t.Errorf("got %q, whole %t", all[0].Body, all[0].Whole())
			}
			if len(s.Cut()) != 1 || len(s.Whole()) != 0 {
				t.Errorf("%d cut, %d whole", len(s.Cut()), len(s.Whole()))
			}
		})
	}
}

// TestWhatIsNoCall is not counted: a probe is answered, and what is no HTTP ends the connection.
func TestWhatIsNoCall(t *testing.T) {
	s := harness.NewSink(t)
	var probes atomic.Int32
	s.Probe = func() { probes.Add(1) }
	w := dial(t, s)
	w.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
	for range 2 {
		if got, err := w.answer(); err != nil || got != "" {
			t.Errorf("%q, %v", got, err)
		}
	}
	w.send("\x16\x03\x01\x00\r\n\r\n")
	if got, err := w.answer(); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("TLS is answered with %q, %v", got, err)
	}
	if probes.Load() != 2 || len(s.Calls()) != 0 || s.Bytes() != 0 {
		t.Errorf("%d probes, %d calls", probes.Load(), len(s.Calls()))
	}
}

// TestAHeadThatIsRefused resets the connection before a byte of the body is read.
func TestAHeadThatIsRefused(t *testing.T) {
	s := harness.NewSink(t)
	s.Head = func(head *http.Request) bool { return head.URL.Path != "/x" }
	w := dial(t, s)
	w.send(post("body"))
	if _, err := w.answer(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	if all := ended(t, s, 1); len(all[0].Body) != 0 {
		t.Errorf("read %q", all[0].Body)
	}
}

// TestServeAnswersByItself and says whether the connection goes on.
func TestServeAnswersByItself(t *testing.T) {
	s := harness.NewSink(t)
	s.Answer = func([]byte) []byte { t.Error("Answer is asked too"); return nil }
	s.Serve = func(c net.Conn, body []byte) bool {
		_, err := io.WriteString(c, "HTTP/1.1 418 x\r\nContent-Length: 0\r\n\r\n")
		return err == nil && string(body) == "go on"
	}
	w := dial(t, s)
	w.send(post("go on") + post("stop") + post("never"))
	for range 2 {
		if _, err := w.answer(); err != nil {
			t.Error(err)
		}
	}
	if got, err := w.answer(); err == nil {
		t.Errorf("a third answer %q", got)
	}
	if n := len(s.Whole()); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

// TestAwaitSkipsWhatWas: only the calls from the n-th on are looked at.
func TestAwaitSkipsWhatWas(t *testing.T) {
	s := harness.NewSink(t)
	w := dial(t, s)
	for i := range 3 {
		w.send(post(fmt.Sprint(i)))
		if _, err := w.answer(); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Await(t, 1, func(all []harness.Received) bool { return len(all) == 2 && all[1].Ended })
	if string(got[0].Body) != "1" || string(got[1].Body) != "2" {
		t.Errorf("%q, %q", got[0].Body, got[1].Body)
	}
}

// TestConfigurationsOfTheHarness: what each option writes is a configuration that the gateway takes, and says
// what the option says.
func TestConfigurationsOfTheHarness(t *testing.T) {
	const up = "http://127.0.0.1:1"
	for _, tt := range []struct {
		name    string
		options harness.Options
		says    []string
	}{
		{"nothing", harness.Options{}, []string{`line: "7.4"`, `path_context: ""`, "sites: [any]", `allow: ["127.0.0.1"]`, "drain: 100ms", "call: 0s"}},
		{"contexts", harness.Options{Inside: "/portal", Context: "/live"}, []string{`path_context: "/portal"`, `path_context: "/live"`}},
		{"line 6.2", harness.Options{Line: "6.2"}, []string{`line: "6.2"`}},
		{"secrets", harness.Options{Secret: "6543210987654321", PreviousSecret: "0000000000000000"},
			[]string{`value: "6543210987654321"`, `previous: { value: "0000000000000000", algorithm: AES, hex: false } }`}},
		{"two secrets", harness.Options{Engine: "6543210987654321"}, []string{`value: "6543210987654321"`, `value: "1234567890123456"`}},
		{"hex", harness.Options{Hex: true, Secret: "00112233445566778899aabbccddeeff"}, []string{"hex: true"}},
		{"sites and logins", harness.Options{Sites: "[20121]", Logins: "[anna]"}, []string{"sites: [20121]", "    logins: [anna]"}},
		{"own drain", harness.Options{Extra: []string{"drain: 7s"}}, []string{"drain: 7s"}},
		{"health", harness.Options{Health: "{ interval: 3s }"}, []string{"health: { call: 0s,  interval: 3s }"}},
		{"health with calls", harness.Options{Health: "{ call: 3s }"}, []string{"health: { call: 3s }"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Upstream = up
			text := tt.options.YAML(t.TempDir())
			for _, want := range append(tt.says, up) {
				if !strings.Contains(text, want) {
					t.Errorf("lacks %q:\n%s", want, text)
				}
			}
			for _, once := range []string{"\ndrain:", "\naudit:", "\nadmin:", "    health:", "\nnames:"} {
				if strings.Count(text, once) != 1 {
					t.Errorf("%q stands %d times:\n%s", once, strings.Count(text, once), text)
				}
			}
			file := filepath.Join(t.TempDir(), "stagelock.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, problems := conf.Load(conf.Options{File: file})
			if cfg == nil || conf.Fatal(append(problems, plan.Check(cfg)...)) {
				t.Errorf("%v\n%s", problems, text)
			}
		})
	}
	if got := (harness.Options{Whole: func(data string) string { return "data: " + data }}).YAML("/d"); got != "data: /d" {
		t.Errorf("the whole is %q", got)
	}
}

// TestAGatewayOfItsOwnProcess listens, hears a word, and ends in order or is killed.
func TestAGatewayOfItsOwnProcess(t *testing.T) {
	s := harness.NewSink(t)
	for _, kill := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "stagelock.yaml")
		if err := os.WriteFile(file, []byte(harness.Options{Upstream: s.URL}.YAML(t.TempDir())), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := harness.StartProcess(child + "serve:" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(p.CA); err != nil {
			t.Errorf("the authority: %v", err)
		}
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if kill {
			p.Kill()
		} else if err := errors.Join(p.Tell(), p.Stop()); err != nil {
			t.Error(err)
		}
		<-p.Ended
		if _, err := os.Stat(file + ".heard"); (err == nil) == kill {
			t.Errorf("killed %t: the word: %v", kill, err)
		}
		if c, err := net.Dial("tcp", p.Addr); err == nil {
			c.Close()
			t.Error("somebody listens still")
		}
		if code := p.Cmd.ProcessState.ExitCode(); (code == 0) == kill {
			t.Errorf("killed %t: it ended with %d", kill, code)
		}
	}
}

// TestAProcessThatNeverListens is an error at once, and leaves no process behind.
func TestAProcessThatNeverListens(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "stagelock.yaml")
	if err := os.WriteFile(bad, []byte("listen: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"silent": "gateway process: EOF", "serve:" + bad: "gateway process: EOF",
		"strange": "gateway process: invalid character 'o' in literal null (expecting 'u')"} {
		if p, err := harness.StartProcess(child + what); p != nil || err == nil || err.Error() != want {
			t.Errorf("%s: %+v, %v, want %s", what, p, err, want)
		}
	}
}

// TestALogThatIsNotThere is told, not taken for a good one.
func TestALogThatIsNotThere(t *testing.T) {
	if r, err := harness.VerifyLog(t.TempDir()); err == nil {
		t.Errorf("an empty folder is %+v", r)
	}
}
