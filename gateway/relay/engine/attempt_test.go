package engine_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const line = "7.4.3.112"

// node is an engine that answers as it is told and keeps what it got.
type node struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	heads  []http.Header
	hosts  []string
}

func newNode(t *testing.T, answer http.HandlerFunc) *node {
	t.Helper()
	n := &node{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was cut
		}
		n.mu.Lock()
		n.bodies, n.heads = append(n.bodies, string(body)), append(n.heads, r.Header)
		n.hosts = append(n.hosts, r.Host)
		n.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *node) got() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bodies
}

func config(t *testing.T, nodes ...string) *engine.Config {
	t.Helper()
	key, problems := secret.NewKey(secret.KeyConfig{ID: "k", Secret: []byte("0k3uX9wq7pLsT2vb"), Algorithm: "AES"})
	if key == nil {
		t.Fatalf("no key: %v", problems)
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	c := upstream.Config{Failures: 2, ReplyMax: 1 << 20, Log: logrus.NewEntry(quiet), ConnectTimeout: time.Minute}
	for _, n := range nodes {
		u, err := url.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, u)
	}
	pool, err := upstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &engine.Config{Pool: pool, PathContext: "/portal", Host: "live.internal", HostOf: hostOf, Key: key, Encoded: true}
}

// hostOf knows the virtual instance of one site.
func hostOf(site int64) string { return map[int64]string{20121: "other.internal"}[site] }

func attempt(t *testing.T, c *engine.Config) *engine.Attempt {
	t.Helper()
	a := &engine.Attempt{Engine: c, From: engine.Caller{Login: "a+b@example.com", Addr: netip.MustParseAddr("192.0.2.1"), Ref: "ref-1"}}
	t.Cleanup(a.Done)
	return a
}

func expected(returns string) engine.Expected {
	lim := javaser.DefaultLimits()
	lim.Held = 1 << 20
	return engine.Expected{Returns: returns, Line: line, Limits: lim}
}

// make sends a call and reads its answer.
func carry(t *testing.T, a *engine.Attempt, returns string) (engine.Answer, error) {
	t.Helper()
	if err := a.Send(t.Context(), []byte("call"), 4); err != nil {
		return engine.Answer{}, err
	}
	reply, err := a.Await(t.Context(), time.Hour, func() {}, func() bool { return false })
	if err != nil {
		return engine.Answer{}, err
	}
	return a.Read(reply, expected(returns))
}

func value(t *testing.T, v any) []byte {
	t.Helper()
	b, err := liferay.AppendValue(nil, line, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func thrown(t *testing.T, class, msg string) []byte {
	t.Helper()
	b, err := liferay.AppendThrown(nil, line, liferay.Thrown{Class: class, Message: msg})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func says(status int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

func TestAnAnswerAndTheHeadThatAskedForIt(t *testing.T) {
	n := newNode(t, says(200, value(t, int64(42))))
	c := config(t, n.URL)
	a := attempt(t, c)
	got, err := carry(t, a, "long")
	if err != nil || got.Reply.ID() != 42 || got.End != "answered" || !a.Released() {
		t.Fatalf("got %+v, %v", got, err)
	}
	if n.got()[0] != "call" || a.Node() != strings.TrimPrefix(n.URL, "http://") {
		t.Errorf("body %q at %s", n.got(), a.Node())
	}
	if n.hosts[0] != strings.TrimPrefix(n.URL, "http://") {
		t.Errorf("host %s for a call of no site", n.hosts[0])
	}
	h := n.heads[0]
	if h.Get("X-Forwarded-For") != "192.0.2.1" || h.Get("X-Stagelock-Reference") != "ref-1" ||
		h.Get("Authorization") != c.Key.Authorization("a+b@example.com", true, false) || h.Get("Content-Type") != engine.ContentType {
		t.Errorf("head %v", h)
	}
}

func TestACallGoesToTheVirtualInstanceOfItsSite(t *testing.T) {
	n := newNode(t, says(200, value(t, int64(1))))
	a := attempt(t, config(t, n.URL))
	a.From.Site = 20121
	if _, err := carry(t, a, "long"); err != nil || n.hosts[0] != "other.internal" {
		t.Errorf("host %q, %v", n.hosts, err)
	}
}

func TestWhatAReplyBecomes(t *testing.T) {
	wrongSecret, err := liferay.AppendRemoteAuth(nil, line, liferay.TypeWrongSecret, "no")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		returns string
		code    tunnel.Code // 0: an answer
		reason  tunnel.Reason
		end     string
	}{
		{"nothing for a void call", says(200, nil), "void", 0, "", "answered"},
		{"an exception", says(200, thrown(t, liferay.ClassPortalException, "no")), "long", 0, "", "exception " + liferay.ClassPortalException},
		{"nothing where a value is due", says(200, nil), "long", tunnel.BadAnswer, engine.ReasonEmpty, ""},
		{"another type", says(200, value(t, true)), "long", tunnel.BadAnswer, engine.ReasonReply, ""},
		{"a page", says(200, []byte("<html>")), "long", tunnel.Refused, engine.ReasonPage, ""},
		{"a page behind blanks", says(200, []byte("\r\n <!DOCTYPE html>")), "long", tunnel.Refused, engine.ReasonPage, ""},
		{"garbage that is no page", says(200, []byte("abc")), "long", tunnel.BadAnswer, engine.ReasonReply, ""},
		{"too long", says(200, append([]byte("\xac\xed\x00\x05"), make([]byte, 2<<20)...)), "long", tunnel.BadAnswer, engine.ReasonReply, ""},
		{"the gateway's own secret refused", says(200, wrongSecret), "long", tunnel.Refused, engine.ReasonRefusing, ""},
		{"redirect", says(302, nil), "long", tunnel.Refused, engine.ReasonRedirect, ""},
		{"unauthorized", says(401, nil), "long", tunnel.Refused, engine.ReasonRefusing, ""},
		{"failing before it began", says(503, nil), "long", tunnel.Refused, engine.ReasonFailing, ""},
		{"failing within", says(500, nil), "long", tunnel.Uncertain, engine.ReasonLost, ""},
		{"a balancer without its engine", says(502, nil), "long", tunnel.Uncertain, engine.ReasonLost, ""},
		{"gone", hangUp, "long", tunnel.Uncertain, engine.ReasonLost, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := carry(t, attempt(t, config(t, newNode(t, tt.answer).URL)), tt.returns)
			var p *tunnel.Problem
			if errors.As(err, &p) {
				if p.Code != tt.code || p.Reason != tt.reason {
					t.Errorf("got %v of code %d", p, p.Code)
				}
				return
			}
			if err != nil || tt.code != 0 || got.End != tt.end {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestOnlyARepeatableCallGoesToAnotherNode(t *testing.T) {
	for _, tt := range []struct {
		name     string
		failover bool
		code     tunnel.Code
		calls    int
	}{
		{"repeatable", true, 0, 1},
		{"not repeatable", false, tunnel.Uncertain, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			good := newNode(t, says(200, value(t, int64(1))))
			bad := newNode(t, hangUp)
			c := config(t, bad.URL, good.URL)
			a := attempt(t, c)
			a.Request, a.Home, a.Failover = 7, strings.TrimPrefix(bad.URL, "http://"), tt.failover
			_, err := carry(t, a, "long")
			var p *tunnel.Problem
			if errors.As(err, &p) != (tt.code != 0) || p != nil && p.Code != tt.code {
				t.Errorf("got %v", err)
			}
			if len(bad.got()) != 1 || len(good.got()) != tt.calls {
				t.Errorf("%d and %d calls", len(bad.got()), len(good.got()))
			}
		})
	}
}

// An engine closes a connection that it kept at the moment at which a call comes: one that may be repeated is, on
// a connection that it makes anew, though there is no other node.
func TestAKeptConnectionThatTheEngineJustCloses(t *testing.T) {
	for _, repeatable := range []bool{true, false} {
		var calls atomic.Int32
		answers := says(200, value(t, int64(42)))
		n := newNode(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 2 {
				hangUp(w, r)
				return
			}
			answers(w, r)
		})
		c := config(t, n.URL)
		first, a := attempt(t, c), attempt(t, c)
		if _, err := carry(t, first, "long"); err != nil {
			t.Fatal(err)
		}
		first.Done()
		a.Failover = repeatable
		if got, err := carry(t, a, "long"); (err == nil) != repeatable || repeatable && got.Reply.ID() != 42 {
			t.Errorf("repeatable %t: got %+v, %v", repeatable, got, err)
		}
		want := map[bool]int{true: 3, false: 2}[repeatable]
		if got := len(n.got()); got != want {
			t.Errorf("repeatable %t: the engine got %d calls, want %d", repeatable, got, want)
		}
		a.Done()
		if c.Pool.Members()[0].Busy() {
			t.Errorf("repeatable %t: the node counts as busy", repeatable)
		}
	}
}

func TestAnEngineThatIsNotThere(t *testing.T) {
	a := attempt(t, config(t, "http://"+ports.Free(t)))
	_, err := carry(t, a, "long")
	var p *tunnel.Problem
	if !errors.As(err, &p) || p.Code != tunnel.Unavailable || p.Reason != engine.ReasonDown || a.Released() {
		t.Errorf("got %v, released %t", err, a.Released())
	}
	a.Cut() // nothing to cut
}

// A part whose tail was not released never was a call.
func TestAPartThatIsCutNeverArrives(t *testing.T) {
	n := newNode(t, says(200, nil))
	a := attempt(t, config(t, n.URL))
	if err := a.Stream(t.Context(), 12, []byte("head")); err != nil {
		t.Fatal(err)
	}
	if err := a.Copy(strings.NewReader("body"), 4); err != nil {
		t.Fatal(err)
	}
	if !a.Streamed() || a.Released() {
		t.Error("a part without its tail is taken for whole")
	}
	a.Cut()
	a.Done()
	n.CloseClientConnections()
	if got := n.got(); len(got) != 0 {
		t.Errorf("the engine got %q", got)
	}
}

func TestAPartArrivesWithItsTail(t *testing.T) {
	n := newNode(t, says(200, nil))
	a := attempt(t, config(t, n.URL))
	for _, err := range []error{
		a.Stream(t.Context(), 12, []byte("head")), a.Copy(strings.NewReader("body"), 4), a.Release(t.Context(), []byte("tail")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	reply, err := a.Await(t.Context(), time.Hour, func() {}, func() bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(reply, expected("void")); err != nil || n.got()[0] != "headbodytail" {
		t.Errorf("the engine got %q, %v", n.got(), err)
	}
}

var errClient = errors.New("the client is gone")

type gone struct{}

func (gone) Read([]byte) (int, error) { return 0, errClient }

// What a client fails with is no fault of the engine.
func TestAClientThatGoesAwayDoesNotCountAgainstTheNode(t *testing.T) {
	n := newNode(t, says(200, nil))
	c := config(t, n.URL)
	for range 3 {
		a := attempt(t, c)
		if err := a.Stream(t.Context(), 12, []byte("head")); err != nil {
			t.Fatal(err)
		}
		if err := a.Copy(gone{}, 4); !errors.Is(err, errClient) {
			t.Fatalf("got %v", err)
		}
		a.Cut()
		a.Done()
	}
	if !c.Pool.Up() {
		t.Error("the node counts as failed")
	}
}

func TestSignsOfLifeWhileTheEngineWorks(t *testing.T) {
	beats, enough := atomic.Int32{}, make(chan struct{})
	n := newNode(t, func(w http.ResponseWriter, _ *http.Request) { <-enough })
	a := attempt(t, config(t, n.URL))
	if err := a.Send(t.Context(), []byte("call"), 4); err != nil {
		t.Fatal(err)
	}
	_, err := a.Await(t.Context(), time.Millisecond, func() {
		if beats.Add(1) == 3 {
			close(enough)
		}
	}, func() bool { return true })
	if err != nil || beats.Load() < 3 {
		t.Errorf("%d beats, %v", beats.Load(), err)
	}
}

// TestAnEngineThatAnsweredAlreadyDoesNotGetTheTail: a late second answer to the call before became the
// answer of a part.
func TestAnEngineThatAnsweredAlreadyDoesNotGetTheTail(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		reason       tunnel.Reason
	}{
		{"an answer to another call", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", engine.ReasonFailing},
		{"a refusal", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", engine.ReasonRefusing},
		{"no answer", "what?\r\n\r\n", engine.ReasonDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := make(chan string, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				_, _ = io.WriteString(c, tt.answer)
				all, _ := io.ReadAll(c)
				got <- string(all)
			}()
			a := attempt(t, config(t, "http://"+l.Addr().String()))
			if err := a.Stream(t.Context(), 12, []byte("head")); err != nil {
				t.Fatal(err)
			}
			for !a.Answered() {
				runtime.Gosched()
			}
			err = a.Release(t.Context(), []byte("tail"))
			var p *tunnel.Problem
			if !errors.As(err, &p) || p.Reason != tt.reason || p.Code == tunnel.Uncertain || a.Released() {
				t.Errorf("got %v, released %t", err, a.Released())
			}
			a.Done()
			if all := <-got; strings.Contains(all, "tail") {
				t.Errorf("the engine got %q", all)
			}
		})
	}
}

// TestAnswerWithoutRoom: an answer for which no memory is left is told of as carried out, whether it is a value, an
// exception of a class that is not known, or larger than what room was given for; nothing of it is passed on.
func TestAnswerWithoutRoom(t *testing.T) {
	full := errors.New("full")
	for _, tt := range []struct {
		name string
		body []byte
		room int // times that room is given
	}{
		{"a value", value(t, "text"), 0},
		{"a large value", value(t, strings.Repeat("x", 200<<10)), 2},
		{"an exception", thrown(t, "com.liferay.portal.kernel.exception.PortalException", strings.Repeat("x", 200<<10)), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, says(200, tt.body))
			a := attempt(t, config(t, n.URL))
			if err := a.Send(t.Context(), []byte("call"), 4); err != nil {
				t.Fatal(err)
			}
			reply, err := a.Await(t.Context(), time.Hour, func() {}, func() bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			want, asked := expected("java.lang.String"), 0
			want.Room = func(int64) error {
				if asked++; asked > tt.room {
					return full
				}
				return nil
			}
			got, err := a.Read(reply, want)
			var p *tunnel.Problem
			if !errors.As(err, &p) || p.Reason != engine.ReasonMemory || p.Code != tunnel.BadAnswer || !errors.Is(err, full) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(p.Msg, "was carried out") || got.Reply != nil || len(got.Body) > 0 {
				t.Errorf("%q, %+v", p.Msg, got)
			}
		})
	}
}

// TestOddExceptionWithoutRoom: the words of an exception that is not known are not saved at any price.
func TestOddExceptionWithoutRoom(t *testing.T) {
	body := bytes.Replace(thrown(t, "com.liferay.portal.kernel.exception.PortalException", "words"), []byte("com.liferay.portal.kernel"), []byte("org.example.portal.kernels"[:25]), 1)
	for room := range 4 {
		n := newNode(t, says(200, body))
		a := attempt(t, config(t, n.URL))
		if err := a.Send(t.Context(), []byte("call"), 4); err != nil {
			t.Fatal(err)
		}
		reply, err := a.Await(t.Context(), time.Hour, func() {}, func() bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		want, asked := expected("void"), 0
		want.Room = func(int64) error {
			if asked++; asked > room {
				return errors.New("full")
			}
			return nil
		}
		got, err := a.Read(reply, want)
		t.Logf("room %d: %v, %d bytes", room, err, len(got.Body))
		if room == 0 && err == nil {
			t.Error("an answer without room is passed on")
		}
		if room > 2 && (err != nil || !strings.Contains(got.End, "org.example")) {
			t.Errorf("with room: %v, %q", err, got.End)
		}
	}
}
