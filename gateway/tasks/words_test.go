package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// rules are all codes of the wire.
var rules = []refusal.Code{
	refusal.NotProfile, refusal.Malformed, refusal.TooLarge, refusal.BadEnvelope, refusal.Credentials, refusal.Stale, refusal.Replay,
	refusal.Bypass2746, refusal.Bypass2747, refusal.Class10068, refusal.BadTask, refusal.TaskDenied, refusal.UserDenied,
	refusal.BadServers, refusal.Loop, refusal.BadData, refusal.TableDenied, refusal.Path2749, refusal.BadFile,
}

// TestEveryRuleHasItsReason: each rule of the wire is recorded under a reason of its own, and no reason is
// for nothing.
func TestEveryRuleHasItsReason(t *testing.T) {
	form, seen := regexp.MustCompile(`^task\.[a-z]+(-[a-z]+)*$`), map[tunnel.Reason]refusal.Code{}
	for _, code := range rules {
		r := Reason(code)
		if !form.MatchString(string(r)) {
			t.Errorf("%s is recorded under %q", code, r)
		}
		if other, twice := seen[r]; twice {
			t.Errorf("%s and %s are both recorded under %s", code, other, r)
		}
		seen[r] = code
	}
	if len(reasons) != len(rules) {
		t.Errorf("%d rules have a reason, want %d", len(reasons), len(rules))
	}
	if got := Reason("unheard-of"); got != "" {
		t.Errorf("a rule of nobody is recorded under %q", got)
	}
}

// TestRefusedIsAProblem: a broken rule becomes the problem of its status, with its own words.
func TestRefusedIsAProblem(t *testing.T) {
	for _, tt := range []struct {
		status int
		want   tunnel.Code
	}{
		{0, tunnel.Refused}, {400, tunnel.BadRequest}, {404, tunnel.NotFound}, {405, tunnel.BadMethod}, {411, tunnel.NoLength},
		{413, tunnel.TooLarge}, {415, tunnel.BadRequest},
	} {
		for _, code := range rules {
			r := &refusal.Error{Code: code, Why: "words", Status: tt.status}
			p := refused(r)
			if p.Code != tt.want || p.Reason != reasons[code] || p.Msg != "words" || refusalOf(p) != r {
				t.Errorf("%s with status %d: %+v", code, tt.status, p)
			}
			if want := fmt.Sprintf("%s: words: %s: words", reasons[code], code); p.Error() != want {
				t.Errorf("got %q, want %q", p, want)
			}
		}
	}
}

// aCall is a call that was read this far, without a connection.
func aCall(peer string) *call {
	return &call{
		session: &session{Service: &Service{cfg: Config{NewID: func() string { return "id-1" }}}},
		Visit:   &visit.Visit{Ref: "r1", Peer: peer},
		req:     &http1.Request{},
		policy:  &Policy{},
	}
}

// TestAnswerTo: a stranger gets one phrase and no word of why; a sender who proved who he is learns it, and
// whether his task may have been carried out.
func TestAnswerTo(t *testing.T) {
	const why = "the <secret> reason"
	for _, tt := range []struct {
		name   string
		peer   string
		err    error
		status int
		phrase string
		body   string // that it holds; empty: none
	}{
		{"a stranger's path", "", problem(tunnel.NotFound, reasonPath, why, nil), 404, "Not accepted", ""},
		{"a stranger's address", "", problem(tunnel.Forbidden, "x", why, nil), 403, "Not accepted", ""},
		{"a stranger's head", "", problem(tunnel.BadRequest, "x", why, nil), 400, "Not accepted", ""},
		{"a stranger's method", "", refused(refusal.Outside(405, refusal.NotProfile, why)), 405, "Not accepted", ""},
		{"a stranger's length", "", refused(refusal.Outside(411, refusal.NotProfile, why)), 411, "Not accepted", ""},
		{"a stranger's size", "", refused(refusal.Outside(413, refusal.TooLarge, why)), 413, "Not accepted", ""},
		{"a stranger's type", "", refused(refusal.Outside(415, refusal.NotProfile, why)), 415, "Not accepted", ""},
		{"a stranger's token", "", refused(refusal.Outside(400, refusal.Credentials, why)), 400, "Not accepted", ""},
		{"a stranger's flood", "", problem(tunnel.Refused, "x", why, nil), 400, "Not accepted", ""},
		{"a stranger's task", "", refused(refusal.New(refusal.TaskDenied, why)), 400, "Not accepted", ""},
		{"a stranger when the store is away", "", tunnel.NotBegun("x", why, nil), 503, "Target not reached, nothing was changed", ""},
		{"a stranger at a fault", "", problemOf(errors.New(why)), 503, "Target not reached, nothing was changed", ""},
		{"a task", "dev", refused(refusal.New(refusal.TaskDenied, why)), 200, "OK", "Refused by gateway: the &lt;secret&gt; reason (r1)"},
		{"a loop", "dev", problem(tunnel.Refused, reasonTaskLoop, why, nil), 200, "OK", "Refused by gateway: the &lt;secret&gt; reason (r1)"},
		{"no target", "dev", tunnel.NotBegun(reasonTarget, why, nil), 503, "Target not reached, nothing was changed", ""},
		{"no answer", "dev", tunnel.MayHaveRun(reasonLost, why, nil), 200, "OK", "May have been carried out (r1)"},
		{"an answer that is none", "dev", tunnel.MayHaveRun(reasonReply, why, nil), 200, "OK", "May have been carried out (r1)"},
		{"a body that breaks a rule of the wire", "dev", refused(refusal.Outside(400, refusal.Malformed, why)), 400, "Not accepted", ""},
		{"a body that was cut", "dev", problem(tunnel.BadRequest, reasonCut, why, nil), 400, "Not accepted", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := aCall(tt.peer).answerTo(problemOf(tt.err))
			if a.Status != tt.status || a.Reason != tt.phrase || (tt.body == "") != (len(a.Body) == 0) {
				t.Fatalf("got %d %q %s", a.Status, a.Reason, a.Body)
			}
			if body := string(a.Body); !strings.Contains(body, tt.body) || tt.body != "" && !strings.Contains(body, "urn:uuid:id-1") {
				t.Errorf("got %s, want %s", body, tt.body)
			}
			if said := a.Reason + string(a.Body); tt.peer == "" && (strings.Contains(said, "secret") || strings.Contains(said, "r1")) {
				t.Errorf("a stranger is told %q", said)
			}
			if strings.Contains(string(a.Body), "<secret>") {
				t.Error("words of a call are markup")
			}
		})
	}
	c := aCall("dev")
	c.bad = &http1.Error{Status: 431}
	if a := c.answerTo(problemOf(errors.New(why))); a.Status != 431 || a.Reason != "Not accepted" || len(a.Body) != 0 {
		t.Errorf("a request that is no HTTP: %+v", a)
	}
}

// TestProblemOf: what has a problem in its chain is it; everything else is the gateway's own fault.
func TestProblemOf(t *testing.T) {
	p := problem(tunnel.NotFound, reasonPath, "nothing is here", nil)
	for _, tt := range []struct {
		name string
		err  error
		want *tunnel.Problem
	}{{"itself", p, p}, {"wrapped", fmt.Errorf("step: %w", p), p}, {"joined", errors.Join(io.EOF, p), p}} {
		if got := problemOf(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	got := problemOf(io.ErrClosedPipe)
	if got.Code != tunnel.Unavailable || got.Reason != reasonFault || !errors.Is(got, io.ErrClosedPipe) ||
		got.Error() != "gateway.fault: the gateway failed; nothing was carried out: io: read/write on closed pipe" {
		t.Errorf("got %v", got)
	}
	if refusalOf(io.EOF) != nil || refusalOf(nil) != nil {
		t.Error("a rule is broken by nothing")
	}
}

// TestShort: a fact in the log is at most 300 letters, and cut between letters.
func TestShort(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"300 letters", strings.Repeat("a", 300), strings.Repeat("a", 300)},
		{"301 letters", strings.Repeat("a", 301), strings.Repeat("a", 300) + "..."},
		{"300 letters of two bytes", strings.Repeat("ü", 300), strings.Repeat("ü", 300)},
		{"301 letters of two bytes", strings.Repeat("ü", 301), strings.Repeat("ü", 300) + "..."},
		{"a megabyte", strings.Repeat("a", 1<<20), strings.Repeat("a", 300) + "..."},
	} {
		if got := short(tt.in); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, len(got), len(tt.want))
		}
	}
}

// TestNoted: the log has what is known of a task, shortened, and no empty facts.
func TestNoted(t *testing.T) {
	c := aCall("dev")
	if got := c.noted(); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	c.link = &Link{Peer: syncserver.Peer{Name: "dev"}, To: &Target{Server: "live"}}
	c.facts = syncserver.Facts{
		About:  refusal.About{Task: "UPDATEOBJECT", Object: "cms.user", Name: strings.Repeat("n", 400), Site: "s", User: "u"},
		Tables: []string{"cms_user", "cms_usersite"}, Files: 401,
	}
	c.task.Task.Servers, c.task.Misnamed = []string{"dev", "stagelock"}, true
	want := map[string]string{
		"task": "UPDATEOBJECT", "object": "cms.user", "name": strings.Repeat("n", 300) + "...", "site": "s", "user": "u",
		"servers": "dev;stagelock", "tables": "cms_user,cms_usersite", "from": "dev", "to": "live", "misnamed": "yes",
	}
	if got := c.noted(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var ev audit.Event
	c.req.ContentLength = 77
	c.Describe(&ev)
	if ev.Method != "SyncServer#UPDATEOBJECT(cms.user)" || ev.Size != 300 || ev.BytesIn != 77 || !reflect.DeepEqual(ev.Fields, want) {
		t.Errorf("the verdict says %+v", ev)
	}
	c.answer.status, c.answer.end, c.answer.Body = 200, "failed", []byte("12345")
	c.answer.reply.Result, c.line = strings.Repeat("r", 400), &Line{Node: "node-1"}
	ev = audit.Event{}
	outcome{c}.Describe(&ev)
	if ev.Status != 200 || ev.BytesOut != 5 || ev.End != "failed" || ev.Detail != strings.Repeat("r", 300)+"..." || ev.Upstream != "node-1" ||
		ev.Fields != nil {
		t.Errorf("the outcome says %+v", ev)
	}
}

// TestCandidates: a call is of the links under its path, byte for byte.
func TestCandidates(t *testing.T) {
	a, b, c := &Link{Context: "/a"}, &Link{Context: "/b"}, &Link{Context: "/a"}
	for _, tt := range []struct {
		target string
		want   []*Link
	}{
		{"/a" + syncserver.Path, []*Link{a, c}},
		{"/b" + syncserver.Path, []*Link{b}},
		{syncserver.Path, nil},
		{"/a" + syncserver.Path + "/", nil},
		{"/a" + syncserver.Path + "?wsdl", nil},
		{"/A" + syncserver.Path, nil},
		{"/a" + strings.ToLower(syncserver.Path), nil},
		{"/a/" + syncserver.Path, nil},
		{"/x/.." + "/a" + syncserver.Path, nil},
		{"/%61" + syncserver.Path, nil},
		{"http://live/a" + syncserver.Path, nil},
		{"", nil},
	} {
		one := aCall("")
		one.policy.Links, one.req.Target = []*Link{a, b, c}, tt.target
		if got := one.candidates(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %d links, want %d", tt.target, len(got), len(tt.want))
		}
	}
	if !a.from(netip.MustParseAddr("192.0.2.1")) {
		t.Error("a link without addresses refuses one")
	}
}

// TestRunning: no call begins once it stops, and it is quiet when the last one ended.
func TestRunning(t *testing.T) {
	quiet := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	var none running
	if none.stopping() || !quiet(none.stop()) || !none.stopping() || none.enter() {
		t.Error("with no call under way it is quiet at once, and takes none")
	}
	var two running
	for range 2 {
		if !two.enter() {
			t.Fatal("calls are refused before the end")
		}
	}
	done := two.stop()
	for i := range 2 {
		if quiet(done) || two.enter() {
			t.Errorf("quiet, or open, with %d under way", 2-i)
		}
		two.leave()
	}
	if !quiet(done) || !quiet(two.stop()) {
		t.Error("not quiet when all ended")
	}
	var many running
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if many.enter() {
				many.leave()
			}
		})
	}
	<-many.stop()
	all.Wait()
	if many.n != 0 {
		t.Errorf("%d are under way", many.n)
	}
}

// TestDrain: it says that it stopped before it waits, and ends with the calls or with its context's cause.
func TestDrain(t *testing.T) {
	s := &Service{}
	if !s.calls.enter() {
		t.Fatal("refused")
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := s.Drain(ctx, func() {
		if !s.calls.stopping() {
			t.Error("it said so too early")
		}
		cancel(enough)
	})
	if !errors.Is(err, enough) {
		t.Errorf("a call that does not end: %v", err)
	}
	s.calls.leave()
	if err := s.Drain(t.Context(), func() {}); err != nil {
		t.Errorf("all ended: %v", err)
	}
}

// TestPause: a wait of nothing is none, and one that its context ends says that nothing was carried out.
func TestPause(t *testing.T) {
	gone := errors.New("the gateway stops")
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	for i := range 100 { // of two that are ready, a select takes either
		if err := pause(ended, -time.Duration(i)); err != nil {
			t.Fatalf("%d: %v", -i, err)
		}
	}
	if err := pause(context.Background(), time.Nanosecond); err != nil {
		t.Error(err)
	}
	p := problemOf(pause(ended, time.Hour))
	if p.Code != tunnel.Unavailable || p.Reason != visit.ReasonDraining || !errors.Is(p, gone) || p.Msg != "the gateway is stopping; nothing was carried out" {
		t.Errorf("got %v", p)
	}
}

// TestNewWantsAllParts: a Service without a part is refused when it is made, not when it is called.
func TestNewWantsAllParts(t *testing.T) {
	if s, err := New(Config{}, &Policy{}); s != nil || err == nil || err.Error() != "tasks: a part of its configuration is missing" {
		t.Errorf("got %v, %v", s, err)
	}
	s := &Service{}
	p, q := &Policy{AtOnce: 1}, &Policy{AtOnce: 2}
	s.Use(p)
	s.Use(q)
	if s.Policy() != q {
		t.Error("the policy is not the last one")
	}
}

// TestFinishGivesBackInReverse: what a call took last is given back first, all of it, once.
func TestFinishGivesBackInReverse(t *testing.T) {
	var order []int
	c := aCall("")
	for i := range 4 {
		c.onEnd(func() { order = append(order, i) })
	}
	if c.finish(); fmt.Sprint(order) != "[3 2 1 0]" {
		t.Errorf("given back %v", order)
	}
}

// answering is a server that says one thing to one call.
func answering(t *testing.T, says string) *forward.Upstream {
	t.Helper()
	return forward.New(forward.Config{Addr: "live:443", Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := theirs.Read(make([]byte, 4096)); err == nil {
				io.WriteString(theirs, says)
			}
		}()
		return ours, nil
	}})
}

// TestRefusedByAnotherGateway: only a refusal that carries a reference of a gateway says that nothing was
// carried out; the same status of a server says nothing of the kind.
func TestRefusedByAnotherGateway(t *testing.T) {
	const ours = "X-Stagelock-Reference: r9\r\n"
	for _, tt := range []struct {
		name, status, field string
		want                bool
	}{
		{"a refusal", "400 Not accepted", ours, true},
		{"forbidden", "403 Not accepted", ours, true},
		{"the last of its kind", "499 X", ours, true},
		{"not reached", "503 X", ours, true},
		{"a refusal of a server", "400 Bad Request", "", false},
		{"a server that is away", "503 X", "", false},
		{"a refusal with an empty reference", "400 X", "X-Stagelock-Reference:\r\n", false},
		{"a refusal with another field", "400 X", "X-Reference: r9\r\n", false},
		{"an answer", "200 OK", ours, false},
		{"a redirect", "302 Found", ours, false},
		{"a fault of the server behind it", "500 X", ours, false},
		{"a bad gateway in between", "502 X", ours, false},
		{"a time that was over in between", "504 X", ours, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line, err := Gateway(answering(t, "HTTP/1.1 "+tt.status+"\r\n"+tt.field+"Content-Length: 0\r\n\r\n"), "live")(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer line.Exchange.Cut()
			if line.Host != "live" || line.Node != "live" {
				t.Errorf("a line to %q, %q", line.Host, line.Node)
			}
			line.Ended(true, nil)
			if err := line.Exchange.Send(forward.RequestHead{Method: http.MethodGet, Target: "/", Host: line.Host}, nil); err != nil {
				t.Fatal(err)
			}
			reply, err := line.Exchange.Reply(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := refusedByGateway(reply); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestGatewayThatIsAway: a server that cannot be reached is an error, and no line.
func TestGatewayThatIsAway(t *testing.T) {
	away := errors.New("connection refused")
	up := forward.New(forward.Config{Addr: "live:443", Dial: func(context.Context, string, string) (net.Conn, error) { return nil, away }})
	if line, err := Gateway(up, "live")(t.Context()); line != nil || !errors.Is(err, away) || err.Error() != "upstream.connect: live:443: connection refused" {
		t.Errorf("got %v, %v", line, err)
	}
}

// TestWellFormed: a request that is no HTTP is refused under the reason of the wire below, in its words.
func TestWellFormed(t *testing.T) {
	c := aCall("")
	if err := c.wellFormed(t.Context()); err != nil {
		t.Errorf("a good one: %v", err)
	}
	c.bad = &http1.Error{Status: 400, Reason: "http.line", Msg: "no request line"}
	p := problemOf(c.wellFormed(t.Context()))
	if p.Code != tunnel.BadRequest || p.Reason != "http.line" || p.Msg != "no request line" || !errors.Is(p, c.bad) {
		t.Errorf("got %+v", p)
	}
}
