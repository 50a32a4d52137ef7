package integration_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	tunnelTarget = "/api/liferay/do"
	serialized   = "application/x-java-serialized-object"
	build74      = "7.4.3.112"
	classPortal  = "com.liferay.portal.kernel.exception.PortalException"
	classAuth    = "com.liferay.portal.kernel.security.auth.RemoteAuthException"
	classAuth62  = "com.liferay.portal.security.auth.RemoteAuthException"
)

// limit bounds every wait for the network, so that a test that hangs fails.
const limit = time.Minute

// message is one HTTP request, with everything that may be odd about it.
type message struct {
	method, target string   // POST to the tunnel if empty
	auth           string   // value of Authorization; none if empty
	fields         []string // more lines of the head
	host           string   // the gateway's address if empty
	typ            string   // content type; Java's if empty, none if "-"
	body           []byte
	pause          int  // bytes of the body after which the sender waits for the engine to have got them; 0: not at all
	length         int  // Content-Length if it is not the body's
	noLength       bool // no such line
	raw            string
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// head writes the head as Java's client does.
func (m message) head(addr string) string {
	if m.raw != "" {
		return strings.ReplaceAll(m.raw, "ADDR", addr)
	}
	lines := []string{or(m.method, "POST") + " " + or(m.target, tunnelTarget) + " HTTP/1.1"}
	if m.typ != "-" {
		lines = append(lines, "Content-Type: "+or(m.typ, serialized))
	}
	if m.auth != "" {
		lines = append(lines, "Authorization: "+m.auth)
	}
	lines = append(lines, "User-Agent: Java/17.0.15", "Host: "+or(m.host, addr), "Connection: keep-alive")
	lines = append(lines, m.fields...)
	n := m.length
	if n == 0 {
		n = len(m.body)
	}
	if !m.noLength {
		lines = append(lines, "Content-Length: "+strconv.Itoa(n))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// answer is what came back.
type answer struct {
	status int
	head   http.Header
	body   []byte
	ref    string
	close  bool
}

// thrown returns the exception of an answer.
func (a answer) thrown(t testing.TB) *liferay.Thrown {
	t.Helper()
	r, err := readReply(a.body, "void")
	if err != nil {
		t.Fatalf("answer %d %q: %v", a.status, a.body, err)
	}
	return r.Thrown
}

func readReply(body []byte, returns string) (*liferay.Reply, error) {
	lim := javaser.DefaultLimits()
	return liferay.ReadReply(source.New(bytes.NewReader(body), nil, lim.Held), lim, returns, true)
}

// line is one connection of a client.
type line struct {
	net.Conn
	r    *bufio.Reader
	addr string
}

// dial connects to the gateway.
func dial(t testing.TB, g *harness.Gateway) *line {
	t.Helper()
	conn, err := g.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return newLine(t, conn, g)
}

func newLine(t testing.TB, conn net.Conn, g *harness.Gateway) *line {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &line{Conn: conn, r: bufio.NewReader(conn), addr: g.Addr}
}

// send writes a message whole.
func (l *line) send(t testing.TB, m message) {
	t.Helper()
	if _, err := l.Write(append([]byte(m.head(l.addr)), m.body...)); err != nil {
		t.Fatal(err)
	}
}

// receive reads one answer whole.
func (l *line) receive(t testing.TB) answer {
	t.Helper()
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("answer %s cut: %v", resp.Status, err)
	}
	return answer{
		status: resp.StatusCode, head: resp.Header, body: body, close: resp.Close, ref: resp.Header.Get("X-Stagelock-Reference"),
	}
}

// call sends a message and reads its answer.
func (l *line) call(t testing.TB, m message) answer {
	t.Helper()
	l.send(t, m)
	return l.receive(t)
}

// reset closes the connection as a process that dies does.
func (l *line) reset(t testing.TB) {
	t.Helper()
	under := l.Conn
	if s, ok := under.(*tls.Conn); ok {
		under = s.NetConn()
	}
	tcp, ok := under.(*net.TCPConn)
	if !ok {
		t.Fatalf("a connection of type %T", under)
	}
	if err := tcp.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	tcp.Close()
}

// once sends a message on a connection of its own.
func once(t testing.TB, g *harness.Gateway, m message) answer {
	t.Helper()
	l := dial(t, g)
	defer l.Close()
	return l.call(t, m)
}

// auth returns the header of a login under the secret of all gateways here.
func auth(t testing.TB, login string) string { return "Basic " + credentials(t, harness.Secret, login) }

func credentials(t testing.TB, text, login string) string { return basic(t, text, login, false) }

// encodedLogin is what the gateway sends to an engine of the newer lines.
func encodedLogin(t testing.TB, text, login string) string { return basic(t, text, login, true) }

func basic(t testing.TB, text, login string, encode bool) string {
	t.Helper()
	k, problems := secret.NewKey(secret.KeyConfig{ID: "test", Secret: []byte(text), Line: "7.4"})
	if k == nil {
		t.Fatalf("key: %v", problems)
	}
	_, value, _ := strings.Cut(k.Authorization(login, encode, false), " ")
	return value
}

// verdict returns the one verdict on the call of that reference.
func verdict(t testing.TB, g *harness.Gateway, ref string) audit.Event {
	t.Helper()
	found := g.Verdicts(t, ref)
	if ref == "" || len(found) != 1 {
		t.Fatalf("%d verdicts on reference %q, want 1", len(found), ref)
	}
	return found[0]
}

// want checks an answer and its verdict.
type want struct {
	status int    // 200 if 0
	class  string // of the exception in a 200; PortalException if empty, "-" for none
	reason tunnel.Reason
	says   string // part of the text for the publisher
}

func (w want) check(t testing.TB, g *harness.Gateway, a answer) audit.Event {
	t.Helper()
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if a.status != w.status {
		t.Fatalf("answered %d %q, want %d", a.status, a.body, w.status)
	}
	text := string(a.body)
	if w.status == http.StatusOK {
		text = w.exception(t, a)
	}
	if w.class != "-" && !strings.Contains(text, a.ref) {
		t.Errorf("the text %q lacks the reference %s", text, a.ref)
	}
	if !strings.Contains(text, w.says) {
		t.Errorf("the text is %q, want %q in it", text, w.says)
	}
	ev := verdict(t, g, a.ref)
	if ev.Reason != w.reason {
		t.Errorf("reason %s (%s), want %s", ev.Reason, ev.Detail, w.reason)
	}
	w.asCatalogued(t, text)
	return ev
}

// asCatalogued holds an answer to what the catalogue says of its reason.
func (w want) asCatalogued(t testing.TB, text string) {
	t.Helper()
	reason, ok := policy.ReasonOf(string(w.reason))
	if !ok {
		t.Errorf("reason %q is not in the catalogue", w.reason)
	}
	late := reason.Late && w.status == http.StatusOK
	if reason.Answer.Status() != w.status && !late {
		t.Errorf("%s is answered with %d, the catalogue says %v", w.reason, w.status, reason.Answer)
	}
	auth := w.class == classAuth || w.class == classAuth62
	if auth != (reason.Answer == policy.AuthException) {
		t.Errorf("%s is answered with %q, the catalogue says %v", w.reason, w.class, reason.Answer)
	}
	if w.class != "-" && !strings.Contains(text, reason.Cure) {
		t.Errorf("the text %q lacks the cure of %s", text, w.reason)
	}
}

// exception returns the message of the exception in an answer, if one is wanted.
func (w want) exception(t testing.TB, a answer) string {
	t.Helper()
	th := a.thrown(t)
	if w.class == "-" {
		if th != nil {
			t.Errorf("answered with %v", th)
		}
		return ""
	}
	if th == nil || th.Class != or(w.class, classPortal) {
		t.Fatalf("answered with %v, want %s", th, or(w.class, classPortal))
	}
	if typ := a.head.Get("Content-Type"); typ != serialized {
		t.Errorf("content type %q", typ)
	}
	return th.Message
}

// denied is want for a refusal: the verdict says so.
func (w want) denied(t testing.TB, g *harness.Gateway, a answer) {
	t.Helper()
	if ev := w.check(t, g, a); ev.Verdict != audit.Deny {
		t.Errorf("the verdict is %s", ev.Verdict)
	}
	if got := a.head.Get("X-Stagelock-Reason"); got != string(w.reason) && a.head.Get("X-Accel-Buffering") == "" { // else it had begun
		t.Errorf("the answer's reason is %q, want %q", got, w.reason)
	}
}

// allowed checks that a call was let through, carried out, and answered without an exception.
func allowed(t testing.TB, g *harness.Gateway, a answer) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("answered %d %q", a.status, a.body)
	}
	if len(a.body) > 0 && bytes.Contains(a.body, []byte("Exception")) {
		t.Errorf("answered with an exception: %q", a.body)
	}
	if ev := verdict(t, g, a.ref); ev.Verdict != audit.Allow {
		t.Errorf("the verdict is %s (%s: %s)", ev.Verdict, ev.Reason, ev.Detail)
	}
}

// finish says that no more comes, and goes on reading.
func (l *line) finish(t testing.TB) {
	t.Helper()
	conn, ok := l.Conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("a connection of type %T", l.Conn)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// verdicts returns the verdicts so far.
func (a arranged) verdicts(t testing.TB) []audit.Event {
	t.Helper()
	return slices.DeleteFunc(a.Events(t), func(ev audit.Event) bool { return ev.Kind != audit.KindVerdict })
}

// awaitVerdict returns the first verdict after those that are known: a client that is gone cannot
// be told when it is written.
func (a arranged) awaitVerdict(t testing.TB, known int) audit.Event {
	t.Helper()
	n := 0
	return a.awaitOne(t, func(ev audit.Event) bool {
		if ev.Seq == 1 {
			n = 0
		}
		if ev.Kind == audit.KindVerdict {
			n++
		}
		return n > known
	})
}

// awaitOne returns the first event that yes is satisfied with, as soon as it is written.
func (a arranged) awaitOne(t testing.TB, yes func(audit.Event) bool) audit.Event {
	t.Helper()
	for late := time.Now().Add(limit); time.Now().Before(late); runtime.Gosched() {
		for _, ev := range a.Events(t) {
			if yes(ev) {
				return ev
			}
		}
	}
	t.Fatal("the event was not written")
	return audit.Event{}
}
