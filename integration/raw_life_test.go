package integration_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// waiting is a call whose answer has begun with heartbeats.
type waiting struct {
	resp  *http.Response
	begun []byte
}

// begun reads the head of an answer and the first signs of life.
func (l *line) begun(t testing.TB, beats int) waiting {
	t.Helper()
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := waiting{resp, make([]byte, len(graph.Header())+beats)}
	if _, err := io.ReadFull(resp.Body, w.begun); err != nil {
		t.Fatal(err)
	}
	want := append(graph.Header(), bytes.Repeat([]byte{graph.Reset}, beats)...)
	if resp.StatusCode != http.StatusOK || len(resp.TransferEncoding) == 0 || !bytes.Equal(w.begun, want) {
		t.Errorf("began with %s %v % x", resp.Status, resp.TransferEncoding, w.begun)
	}
	return w
}

// ended reads the rest of the answer.
func (w waiting) ended(t testing.TB) answer {
	t.Helper()
	rest, err := io.ReadAll(w.resp.Body)
	if err != nil {
		t.Fatalf("answer cut: %v", err)
	}
	return answer{
		status: w.resp.StatusCode, head: w.resp.Header, body: append(w.begun, rest...), ref: w.resp.Header.Get("X-Stagelock-Reference"),
	}
}

func hurried() harness.Options {
	o := listed
	o.Extra = []string{"heartbeat: 1s"}
	return o
}

// The engine answers only when the publisher has seen signs of life, and so has its twin.
func TestHeartbeatsWhileTheEngineWorks(t *testing.T) {
	s := slowly(t, hurried())
	m := publish(s.made(t, 1), settings(int64(site))).message(t)
	first, twin := dial(t, s.Gateway), dial(t, s.Gateway)
	first.send(t, m)
	<-s.going
	twin.send(t, m)
	one, two := first.begun(t, 2), twin.begun(t, 1)
	s.let <- struct{}{}
	for _, w := range []waiting{one, two} {
		got := w.ended(t)
		r, err := readReply(got.body, missing7)
		if err != nil || r.Thrown != nil {
			t.Errorf("answered %v, %v", r, err)
		}
	}
	if n := s.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
}

// After the first heartbeat the status is gone, so whatever goes wrong is an exception; a void
// answer is the end alone.
func TestAnswersAfterHeartbeats(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		says      string // of the exception; none if empty
	}{
		{"void", ok200 + "Content-Length: 0\r\n\r\n", ""},
		{"gone", "", "may have been carried out"},
		{"forbidden", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"},
		{"garbage", ok200 + "Content-Length: 3\r\n\r\nabc", "answer was refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			let := make(chan struct{})
			sink := harness.NewSink(t)
			sink.Serve = func(c net.Conn, _ []byte) bool {
				<-let
				_, _ = io.WriteString(c, tt.raw)
				return false
			}
			a := arrangeTo(t, hurried(), sink)
			l := dial(t, a.Gateway)
			l.send(t, enable(site).message(t))
			w := l.begun(t, 1)
			close(let)
			th := w.ended(t).thrown(t)
			if tt.says == "" && th != nil || tt.says != "" && (th == nil || !strings.Contains(th.Message, tt.says)) {
				t.Errorf("answered with %v, want %q", th, tt.says)
			}
		})
	}
}

func TestReload(t *testing.T) {
	s := slowly(t, listed)
	m := publish(s.made(t, 1), settings(int64(site))).message(t)
	t.Run("a bad file changes nothing", func(t *testing.T) {
		bad := listed
		bad.Upstream, bad.Secret, bad.Extra = s.sink.URL, "6543210987654321", []string{"no_such_setting: 1"}
		s.Write(t, bad)
		_, err := s.Node.Reload(t.Context())
		if !errors.Is(err, node.ErrReload) || !strings.Contains(err.Error(), "no_such_setting") {
			t.Errorf("reload: %v", err)
		}
		s.awaitOne(t, func(ev audit.Event) bool {
			return ev.Kind == audit.KindConfig && strings.Contains(ev.Detail, "refused") && strings.Contains(ev.Detail, "no_such_setting")
		})
		allowed(t, s.Gateway, once(t, s.Gateway, checkSite(site).message(t)))
	})
	t.Run("a good one changes the secret", func(t *testing.T) {
		first := dial(t, s.Gateway)
		first.send(t, m)
		<-s.going
		next := listed
		next.Upstream, next.Secret, next.Engine, next.Sites = s.sink.URL, "6543210987654321", "an engine secret", "[20143, 20999]"
		s.Write(t, next)
		if _, err := s.Node.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		old, renewed := checkSite(site).message(t), checkSite(otherSite).message(t)
		renewed.auth = "Basic " + credentials(t, "6543210987654321", harness.Login)
		want{class: classAuth, reason: "secret.wrong"}.denied(t, s.Gateway, once(t, s.Gateway, old))
		allowed(t, s.Gateway, once(t, s.Gateway, renewed))
		calls := s.sink.Calls()
		if got, want := calls[len(calls)-1].Head.Header.Get("Authorization"), "Basic "+encodedLogin(t, "an engine secret", harness.Login); got != want {
			t.Errorf("sent to the engine with %s, want %s", got, want)
		}
		s.let <- struct{}{}
		allowed(t, s.Gateway, first.receive(t)) // the call in progress ends as it began
		allowed(t, s.Gateway, first.call(t, renewed))
	})
	checkLog(t, s.arranged)
}

// stopping begins to stop the gateway and returns once it takes nothing new.
func (a arranged) stopping(t testing.TB) (stopped chan error) {
	t.Helper()
	stopped = make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	for late := time.Now().Add(limit); time.Now().Before(late); runtime.Gosched() {
		for _, p := range a.Node.Health().Problems {
			if strings.Contains(p, "stopping") {
				return stopped
			}
		}
	}
	t.Fatal("the gateway does not stop")
	return nil
}

// A publish in progress is served to its end while the gateway stops; a new one is told to come
// back.
func TestDrain(t *testing.T) {
	o := listed
	o.Extra = []string{"drain: 1m"}
	s := slowly(t, o)
	id := s.made(t, 1)
	idle := dial(t, s.Gateway)
	allowed(t, s.Gateway, idle.call(t, checkSite(site).message(t)))
	stopped := s.stopping(t)
	if _, err := idle.r.ReadByte(); err == nil {
		t.Error("an idle connection goes on")
	}
	got := once(t, s.Gateway, create(site, 2).message(t))
	want{status: 503, reason: "gateway.draining", says: "nothing was carried out"}.denied(t, s.Gateway, got)
	if got.head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	want{status: 503, reason: "gateway.draining"}.denied(t, s.Gateway, once(t, s.Gateway, enable(site).message(t)))
	s.let <- struct{}{}
	for _, m := range []message{
		checkSite(site).message(t), streamsOf(part(id, "a.zip00", size))(t, s.arranged), publish(id, settings(int64(site))).message(t),
		cleanUp(id).message(t),
	} {
		select {
		case err := <-stopped:
			t.Fatalf("stopped in a publish: %v", err)
		default:
		}
		got := once(t, s.Gateway, m)
		allowed(t, s.Gateway, got)
		if !got.close {
			t.Error("the connection goes on")
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if _, err := s.Dial(t.Context()); err == nil {
		t.Error("the gateway still listens")
	}
	for _, kind := range []audit.Kind{audit.KindStart, audit.KindDrain, audit.KindStop} {
		s.awaitOne(t, func(ev audit.Event) bool { return ev.Kind == kind })
	}
	checkLog(t, s.arranged)
}

// A drain does not last for ever: what goes on too long is told that it may have been carried out.
func TestDrainPastItsDeadline(t *testing.T) {
	o := listed
	o.Extra = []string{"drain: 10ms"}
	s := slowly(t, o)
	m := publish(s.made(t, 1), settings(int64(site))).message(t)
	l := dial(t, s.Gateway)
	l.send(t, m)
	<-s.going
	stopped := s.stopping(t)
	got := l.receive(t)
	th := got.thrown(t)
	if th == nil || th.Class != classPortal || !strings.Contains(th.Message, "may have been carried out") {
		t.Errorf("answered with %v", th)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	s.let <- struct{}{}
	if end := s.outcome(t, got.ref).End; end != "engine.lost" {
		t.Errorf("outcome %q", end)
	}
	checkLog(t, s.arranged)
}
