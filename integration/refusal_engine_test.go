package integration_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

func TestEngineThatIsDown(t *testing.T) {
	o := listed
	o.Upstream = unreachable(t)
	a := arrange(t, o)
	for i := range 5 { // the first ones find out after the verdict, the later ones are told before their body is read
		got := once(t, a.Gateway, checkSite(site).message(t))
		if got.status != 503 || !strings.Contains(string(got.body), "nothing was carried out") {
			t.Fatalf("answered %d %q", got.status, got.body)
		}
		if ev := verdict(t, a.Gateway, got.ref); ev.Verdict == audit.Allow {
			ev = a.outcome(t, got.ref)
			if ev.End != "engine.down" || i > 2 {
				t.Errorf("call %d ended with %q", i, ev.End)
			}
		} else if ev.Reason != "engine.down" {
			t.Errorf("reason %s", ev.Reason)
		}
		if got.head.Get("Retry-After") != "30" {
			t.Errorf("Retry-After %q", got.head.Get("Retry-After"))
		}
	}
	if h := a.Node.Health(); h.Ready || !strings.Contains(strings.Join(h.Problems, "\n"), "live engine") {
		t.Errorf("health: %+v", h)
	}
}

// The engine goes away while the content of a part streams: it never had a complete object, so the
// publisher may try again.
func TestEngineGoneInAPart(t *testing.T) {
	var down atomic.Bool
	sink := harness.NewSink(t)
	sink.Answer = liveEngine(t)
	sink.Head = func(*http.Request) bool { return !down.Load() }
	a := arrangeTo(t, listed, sink)
	id := a.made(t, 1)
	down.Store(true)
	large := part(id, "a.zip00", 4<<20)
	got := once(t, a.Gateway, streamsOf(large)(t, a))
	want{status: 503, reason: "engine.down", says: "nothing was carried out"}.denied(t, a.Gateway, got)
	if got.head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	down.Store(false)
	allowed(t, a.Gateway, once(t, a.Gateway, streamsOf(large)(t, a)))
	if whole := len(sink.Whole()); whole != 2 {
		t.Errorf("%d calls arrived whole, want create and the second part", whole)
	}
}

// fault is an engine that has the whole call and then does not answer as it should.
type fault struct {
	name   string
	raw    string // what it sends before it closes
	reason tunnel.Reason
	says   string
}

const ok200 = "HTTP/1.1 200 OK\r\n"

var faults = []fault{
	{"gone", "", "engine.lost", "may have been carried out"},
	{"half a head", "HTTP/1.1 200", "engine.lost", "may have been carried out"},
	{"half an answer", ok200 + "Content-Length: 100\r\n\r\n\xac\xed\x00\x05", "engine.lost", "may have been carried out"},
	{"no HTTP", "hello\r\n\r\n", "engine.lost", "may have been carried out"},
	{"empty", ok200 + "Content-Length: 0\r\n\r\n", "reply.empty", "answered with nothing"},
	{"redirect", "HTTP/1.1 302 Found\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n", "engine.redirects", "302"},
	{"forbidden", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "engine.refusing", "403"},
	{"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "engine.refusing", "404"},
	{"broken", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "engine.lost", "may have been carried out"},
	{"gateway", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "engine.lost", "may have been carried out"},
	{"unavailable", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "engine.failing", "503"},
	{"a page", ok200 + "Content-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>", "engine.page", "nothing was carried out"},
	{"a page without a type", ok200 + "Content-Length: 21\r\n\r\n<!DOCTYPE html><p>hi<", "engine.page", "something else than the live engine's tunnel"},
	{"a page in chunks", ok200 + "Content-Type: text/html;charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<p>a\r\n0\r\n\r\n", "engine.page", "text/html"},
	{"garbage", ok200 + "Content-Length: 8\r\n\r\n\xac\xed\x00\x05nons", "reply.refused", "carried out"},
	{"trailing byte", ok200 + "Content-Length: 5\r\n\r\n\xac\xed\x00\x05p", "reply.refused", "carried out"},
	{"length and encoding", ok200 + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "engine.lost", "may have been carried out"},
}

// Whatever the engine does after it had the call, the publisher hears of it, and the verdict stays
// what it was.
func TestEngineThatAnswersBadly(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			sink := harness.NewSink(t)
			sink.Serve = func(c net.Conn, _ []byte) bool {
				_, _ = io.WriteString(c, f.raw)
				return false
			}
			a := arrangeTo(t, listed, sink)
			got := once(t, a.Gateway, create(site, 1).message(t))
			ev := verdict(t, a.Gateway, got.ref)
			if ev.Verdict != audit.Allow || ev.Reason != "" {
				t.Errorf("verdict %s, reason %s", ev.Verdict, ev.Reason)
			}
			th := got.thrown(t)
			if got.status != 200 || th == nil || th.Class != classPortal || !strings.Contains(th.Message, f.says) || !strings.Contains(th.Message, got.ref) {
				t.Errorf("answered %d %v, want %q in it", got.status, th, f.says)
			}
			if end := a.outcome(t, got.ref).End; f.reason != "" && end != string(f.reason) {
				t.Errorf("outcome %q, want %s", end, f.reason)
			}
			before := len(sink.Whole())
			refusalOfNothing(t, a, 1)
			if n := len(sink.Whole()); n != before {
				t.Errorf("%d calls more arrived", n-before)
			}
		})
	}
}

// refusalOfNothing checks that a create without a good answer made no request.
func refusalOfNothing(t *testing.T, a arranged, n int) {
	t.Helper()
	want{reason: "request.unknown"}.denied(t, a.Gateway, once(t, a.Gateway, publish(requestOf(n), settings(int64(site))).message(t)))
}

// outcome returns how a call ended; it is written behind the answer.
func (a arranged) outcome(t testing.TB, ref string) audit.Event {
	t.Helper()
	return a.awaitOne(t, func(ev audit.Event) bool { return ev.Kind == audit.KindOutcome && ev.Ref == ref })
}

func replying(t testing.TB, body []byte) arranged {
	t.Helper()
	sink := harness.NewSink(t)
	sink.Answer = func([]byte) []byte { return body }
	return arrangeTo(t, listed, sink)
}

// An exception that the schema does not know was carried out: its words are passed on, nothing else
// of it.
func TestUnknownExceptionIsTold(t *testing.T) {
	base := anyTree(t, mustThrow(t, build74, liferay.Thrown{Class: classPortal, Message: "x"}))
	throwable := base.Class
	for throwable.Name != "java.lang.Throwable" {
		throwable = throwable.Super
	}
	odd := &graph.Class{
		Name: "org.example.OddException", UID: 1, Flags: graph.FlagSerializable, Super: throwable,
		Fields: []graph.Field{{Type: 'L', Name: "payload", Sig: "Ljava/lang/Object;"}},
	}
	o := &graph.Object{Class: odd, Fields: make([]graph.FieldValue, odd.FieldCount())}
	for _, name := range []string{"stackTrace", "suppressedExceptions"} {
		o.SetRef(name, base.Ref(name))
	}
	o.SetRef("cause", o)
	o.SetRef("detailMessage", textValue("the shelf is full"))
	o.SetRef("payload", gadget(gadgets[0]))
	a := replying(t, written(t, o))
	got := once(t, a.Gateway, checkSite(site).message(t))
	th := got.thrown(t)
	if th == nil || th.Class != classPortal || th.Message != "org.example.OddException: the shelf is full" {
		t.Errorf("answered with %v", th)
	}
	if bytes.Contains(got.body, []byte(gadgets[0])) {
		t.Error("the answer carries a foreign object")
	}
	if end := a.outcome(t, got.ref).End; end != "exception org.example.OddException" {
		t.Errorf("outcome %q", end)
	}
}

func mustThrow(t testing.TB, build string, th liferay.Thrown) []byte {
	t.Helper()
	body, err := liferay.AppendThrown(nil, build, th)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// A gadget in an answer is aimed at the staging server.
func TestHostileAnswersStayInside(t *testing.T) {
	for _, class := range gadgets[:3] {
		a := replying(t, written(t, gadget(class)))
		got := once(t, a.Gateway, create(site, 1).message(t))
		th := got.thrown(t)
		if th == nil || th.Class != classPortal || !strings.Contains(th.Message, "answer was refused") {
			t.Errorf("answered with %v", th)
		}
		if bytes.Contains(got.body, []byte(class)) {
			t.Error("the answer carries a foreign object")
		}
	}
}

// The gateway answers browsers with 404, so a link goes where browsers are answered.
func TestLinksAreForBrowsers(t *testing.T) {
	s := spec{service: group7, name: "getGroupDisplayURL", params: []string{"long", "boolean", "boolean"}, args: []any{int64(site), false, true}}
	for name, tt := range map[string]struct{ own, want string }{
		"the engine's own": {"UPSTREAM/inside/web/guest", "https://www.example.com/live/web/guest"},
		"bare":             {"UPSTREAM/inside", "https://www.example.com/live"},
		"elsewhere":        {"https://cdn.example.com/web/guest", "https://cdn.example.com/web/guest"},
		"another context":  {"UPSTREAM/insider/web", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sink := harness.NewSink(t)
			var body []byte
			sink.Answer = func([]byte) []byte { return body }
			o := listed
			o.Inside, o.Context = "/inside", "/outside"
			o.Behind = []string{"browser_url: https://www.example.com/live"}
			a := arrangeTo(t, o, sink)
			expand := strings.NewReplacer("UPSTREAM", sink.URL, "ADDR", a.Addr)
			var err error
			if body, err = liferay.AppendValue(nil, build74, expand.Replace(tt.own)); err != nil {
				t.Fatal(err)
			}
			m := s.message(t)
			m.target = "/outside" + tunnelTarget
			r, err := readReply(once(t, a.Gateway, m).body, text)
			if err != nil {
				t.Fatal(err)
			}
			if want := expand.Replace(tt.want); r.Value != want {
				t.Errorf("answered %v, want %s", r.Value, want)
			}
		})
	}
}
