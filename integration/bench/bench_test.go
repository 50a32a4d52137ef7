package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/bench/proc"
	"github.com/stagelock/stagelock/integration/ports"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(asRole); role != "" {
		if err := play(role, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The bench itself runs: every scene with everybody who is here, a moment each.
func TestBenchRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the gateway")
	}
	if runtime.GOOS != "linux" {
		t.Skip("what a process uses is read from /proc")
	}
	profiles := t.TempDir()
	var out, progress bytes.Buffer
	err := run(t.Context(), []string{"-rounds", "1", "-period", "20ms", "-volume", fmt.Sprint(2 * part), "-json", "-profile", profiles},
		&out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	var got results
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Starts) == 0 || got.Starts[0].Millis <= 0 {
		t.Errorf("starts %v", got.Starts)
	}
	for _, why := range got.Missing {
		t.Log(why)
	}
	if want := len(entrants()) - len(got.Missing); len(got.names(func(m measurement) string { return m.Rival })) != want {
		t.Errorf("%d rivals were measured, not %d", len(got.names(func(m measurement) string { return m.Rival })), want)
	}
	for _, s := range scenes() {
		if s.rare {
			continue
		}
		for _, r := range got.names(func(m measurement) string { return m.Rival }) {
			ms := got.of(s.name, r)
			if len(ms) != 1 || ms[0].Calls <= 0 || ms[0].P99 < ms[0].P50 || ms[0].P50 <= 0 || ms[0].Peak <= 0 {
				t.Errorf("%s, %s: %+v", s.name, r, ms)
			}
		}
		if ms := got.of(s.name, "stagelock"); len(ms) != 1 {
			t.Errorf("%s: the gateway was measured %d times", s.name, len(ms))
		}
		if text, err := os.ReadFile(filepath.Join(profiles, fileName(s.name)+".pprof")); err != nil || len(text) == 0 {
			t.Errorf("profile of %s: %d bytes, %v", s.name, len(text), err)
		}
	}
}

// What is not installed is named, and the rest is measured all the same.
func TestWhatIsMissingIsNamed(t *testing.T) {
	w := &world{plan: plan{}, dir: t.TempDir()}
	e := entrant{name: "Apache", program: "no-such-proxy-is-installed"}
	if err := w.enter(t.Context(), e, []string{"", ""}, ""); err != nil {
		t.Fatal(err)
	}
	want := "Apache is not measured: there is no no-such-proxy-is-installed here"
	if len(w.missing) != 1 || w.missing[0] != want || len(w.rivals) != 0 {
		t.Errorf("missing %q, %d rivals", w.missing, len(w.rivals))
	}
	var out bytes.Buffer
	if err := (&results{Missing: w.missing}).writeTable(&out); err != nil || out.String() != want+"\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		name, args, fault string
		want              plan
	}{
		{"none", "", "", plan{rounds: 5, period: 2 * time.Second, volume: 1 << 30}},
		{"short", "-short", "", plan{rounds: 1, period: 500 * time.Millisecond, volume: 320 << 20}},
		{"short with more rounds", "-short -rounds 3", "", plan{rounds: 3, period: 500 * time.Millisecond, volume: 320 << 20}},
		{"its own", "-rounds 2 -period 1s -volume 7 -json", "", plan{rounds: 2, period: time.Second, volume: 7, json: true}},
		{"what takes long", "-scenes idle/1000", "", plan{rounds: 5, period: 2 * time.Second, volume: 1 << 30, named: true}},
		{"a word", "fast", `argument "fast" is not known`, plan{}},
		{"a broken expression", "-scenes (", "missing closing )", plan{}},
		{"an unknown flag", "-fast", "not defined", plan{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(strings.Fields(tt.args), io.Discard)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %v, want %q", err, tt.fault)
				}
				return
			}
			got.scenes, got.rivals = nil, nil
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestHistogram(t *testing.T) {
	var h, other histogram
	if h.at(0.5) != 0 {
		t.Error("nothing has a median")
	}
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(rand.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		if len(all)%2 == 0 {
			h.add(d)
		} else {
			other.add(d)
		}
	}
	h.merge(&other)
	slices.Sort(all)
	for _, share := range []float64{0, 0.5, 0.9, 0.99} {
		got, want := h.at(share), all[int(share*float64(len(all)))]
		if want > 100 && (got > want || float64(got) < 0.93*float64(want)) {
			t.Errorf("at %v: %v, want %v or up to 7 %% less", share, got, want)
		}
	}
	h.add(1<<63 - 1)
	h.add(-1)
	if h.n != 20_002 {
		t.Errorf("%d were counted", h.n)
	}
}

func TestWhatARoleCosts(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	p, addrs, err := startRole(t.Context(), "engine")
	if err != nil {
		t.Fatal(err)
	}
	if len(addrs) != 1 || proc.Peak(p.cmd.Process.Pid) <= 0 || p.cpu() < 0 {
		t.Errorf("%q, %d bytes, %v", addrs, proc.Peak(p.cmd.Process.Pid), p.cpu())
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if p.cpu() != 0 {
		t.Error("a process that has ended is seen")
	}
	var none *process
	if none.cpu() != 0 {
		t.Error("nobody uses something")
	}
}

func TestUnknownRole(t *testing.T) {
	if err := play("nobody", nil, nil); err == nil || err.Error() != `no role "nobody"` {
		t.Error(err)
	}
}

func TestContentLength(t *testing.T) {
	for head, want := range map[string]int{
		"POST / HTTP/1.1\r\nContent-Length: 12\r\n":                  12,
		"POST / HTTP/1.1\r\nHost: a\r\ncontent-length:7\r\nX: 1\r\n": 7,
		"GET / HTTP/1.1\r\nHost: content-length: 9\r\n":              0,
		"GET / HTTP/1.1\r\nX-Content-Length: 9\r\n":                  0,
		"GET / HTTP/1.1\r\n":                                         0,
		"":                                                           0,
	} {
		if got := contentLength([]byte(head)); got != want {
			t.Errorf("%q: %d, want %d", head, got, want)
		}
	}
}

func TestAuthoriser(t *testing.T) {
	t.Setenv(tokenValue, "Basic abc")
	s, err := newServer("authoriser")
	if err != nil {
		t.Fatal(err)
	}
	for head, want := range map[string]string{
		"GET / HTTP/1.1\r\nAuthorization: Basic abc\r\n":            "200",
		"GET / HTTP/1.1\r\nauthorization: Basic abc\r\nHost: a\r\n": "200",
		"GET / HTTP/1.1\r\nAuthorization: Basic ABC\r\n":            "401",
		"GET / HTTP/1.1\r\nAuthorization: Basic abcd\r\n":           "401",
		"GET / HTTP/1.1\r\nX: Basic abc\r\n":                        "401",
		"GET / HTTP/1.1\r\n":                                        "401",
	} {
		if got := string(s.answer([]byte(head), nil, nil)); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%q: %q, want %s", head, got, want)
		}
	}
}

// The engine reads calls of every length, however they are cut, and answers by what stands at their end.
func TestEngine(t *testing.T) {
	s, err := newServer("engine")
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	defer here.Close()
	go s.serve(there)
	c, err := writeCalls(3 * bodyBuffer)
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	for i, tt := range []struct {
		r    request
		ends string
		cut  int
	}{
		{c.read, "value\x01", 1}, {c.create, "\x00\x01", 7}, {c.create, "\x00\x02", 1 << 20}, {c.clean, "\r\n\r\n", 100},
		{c.update, "\r\n\r\n", serverBuffer}, {c.update, "\r\n\r\n", 1 << 30}, {c.create, "\x00\x03", serverBuffer}, {c.update, "\r\n\r\n", 999},
	} {
		for rest := range slices.Chunk(tt.r.bytes, tt.cut) {
			if _, err := here.Write(rest); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		n, err := here.Read(answer)
		got := string(answer[:n])
		if err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		if tt.ends == "value\x01" {
			tt.ends = "\x01"
		}
		if !strings.HasSuffix(got, tt.ends) {
			t.Errorf("%d: %q does not end with %q", i, got, tt.ends)
		}
	}
}

// A call is written over where its id, its checksum and its part's name stand, and nowhere else.
func TestCallsAreWrittenOver(t *testing.T) {
	c, err := writeCalls(64)
	if err != nil {
		t.Fatal(err)
	}
	update, create := c.update.own(), c.create.own()
	update.setID(77)
	update.setPart(42)
	create.setSum(0xabc)
	for _, tt := range []struct {
		name     string
		got, was request
		has      string
		differ   int
	}{
		{"part", update, c.update, "3c0d2f6e.zip042", 8 + 2}, {"create", create, c.create, "cba0000000000000" + someSum[16:], 16},
	} {
		if len(tt.got.bytes) != len(tt.was.bytes) || !bytes.Contains(tt.got.bytes, []byte(tt.has)) {
			t.Errorf("%s: %q", tt.name, tt.got.bytes)
		}
		differ := 0
		for i, b := range tt.was.bytes {
			if tt.got.bytes[i] != b {
				differ++
			}
		}
		if differ == 0 || differ > tt.differ {
			t.Errorf("%s: %d bytes were changed", tt.name, differ)
		}
	}
	for name, at := range map[string]int{"id": c.update.id, "part": c.update.part, "sum": c.create.sum, "id of the cleanup": c.clean.id} {
		if at == 0 {
			t.Errorf("the place of the %s was not found", name)
		}
	}
}

func TestTable(t *testing.T) {
	r := &results{All: []measurement{
		{Scene: "read/1", Rival: "nginx", Rate: 100, P50: 10, P99: 20, CPU: 5, Peak: 1 << 20},
		{Scene: "read/1", Rival: "stagelock", Rate: 10, CPU: 1},
		{Scene: "read/1", Rival: "stagelock", Rate: 150, CPU: 2, Round: 1},
		{Scene: "read/1", Rival: "stagelock", Rate: 400, CPU: 9, Round: 2},
		{Scene: "parts/1", Rival: "stagelock", Rate: 10, Bytes: 10_000_000},
	}, Missing: []string{"Caddy is not measured"}, Starts: []start{{"nginx", 12.6}}}
	var out bytes.Buffer
	if err := r.writeTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`nginx +100 +1\.00 +10 +20 +5\.0 +0\.0 +0\.0 +1\.0\n`, `stagelock +150 +1\.50 +0 +0 +2\.0`,
		`parts/1 +MB/s`, `read/1 +calls/s`, `stagelock +100 +1\.00`, `\nCaddy is not measured\n`,
		`\nnginx: first answer over TLS 13 ms after its start\n`} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if got := median(r.of("read/1", "nobody"), measurement.shown); got != 0 {
		t.Errorf("nobody made %v", got)
	}
	two := []measurement{{Rate: 1}, {Rate: 2}}
	if got := median(two, measurement.shown); got != 1.5 {
		t.Errorf("the median of 1 and 2 is %v", got)
	}
}

// A program that ends before it listens is told of with what it said.
func TestProgramThatFails(t *testing.T) {
	sh, found := find("sh")
	if !found {
		t.Skip("there is no sh")
	}
	p, err := startProgram(t.Context(), sh, "-c", "echo the port is taken >&2; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.answers(t.Context(), "tcp", ports.Free(t)); err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Error(err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := startProgram(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("what is not there was started")
	}
}

// A refusal is no call that was made.
func TestRefusalEndsTheMeasurement(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nException",
		"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Le",
	} {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Read(make([]byte, 100))
			_, _ = io.WriteString(there, answer)
			_ = there.Close()
		}()
		c := &client{conn: here, b: make([]byte, 8<<10)}
		w := &worker{client: c, once: func(int) error { return c.call([]byte("call")) }}
		if taken, err := drive([]*worker{w}, func() bool { return true }); err == nil {
			t.Errorf("%q counts as %d calls", answer, taken.n)
		}
		_ = here.Close()
	}
}
