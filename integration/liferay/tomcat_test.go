package liferay_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

// newest is the build whose servlet stands behind the gateway in the proofs.
var newest = release{name: "7.4.3.112", line: "7.4"}

// share is how often a proof tries: full under PROVE=long, else a share of it.
func share(some, full int) int {
	if os.Getenv("PROVE") == "long" {
		return full
	}
	return some
}

// tomcat is the vendor's servlet in a real Tomcat behind gateways.
type tomcat struct {
	*stage
	auth string
	body []byte // of a legal call that only reads
}

func newTomcat(t *testing.T) *tomcat {
	t.Helper()
	needJVM(t)
	build(t, newest.name)
	s := &stage{release: newest}
	s.server, s.address = serve(t, newest, secrets[0])
	c := &tomcat{stage: s, auth: harness.NewKey(t, secrets[0].value).Authorization(harness.Login, false, false)}
	c.body = c.bytes(t, "hasRemoteLayout", "uuid-of-a-page", int64(site), false)
	return c
}

// bytes is the body of a call.
func (c *tomcat) bytes(t testing.TB, name string, args ...any) []byte {
	t.Helper()
	m, _, err := methods.Find(newest.name, name, len(args))
	if err != nil {
		t.Fatal(err)
	}
	call, err := liferay.NewCall(newest.name, liferay.Principal{Login: harness.Login, URL: "https://staging.example.com"}, m, args...)
	if err != nil {
		t.Fatal(err)
	}
	body, err := call.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// head is that of a legal call; lines stand before the last one.
func (c *tomcat) head(addr, target string, lines ...string) string {
	all := append([]string{"POST " + target + " HTTP/1.1", "Host: " + addr, "Authorization: " + c.auth}, lines...)
	return strings.Join(append(all, "Content-Length: "+strconv.Itoa(len(c.body))), "\r\n") + "\r\n\r\n"
}

// wire is a connection to a gateway, made anew when it was closed.
type wire struct {
	dial func() (net.Conn, error)
	conn net.Conn
	r    *bufio.Reader
}

func toGateway(t testing.TB, g *harness.Gateway) *wire {
	return &wire{dial: func() (net.Conn, error) { return g.Dial(t.Context()) }}
}

// send writes a message and returns the status of the answer, 0 for none.
func (w *wire) send(t testing.TB, message string) int {
	t.Helper()
	if w.conn == nil {
		var err error
		if w.conn, err = w.dial(); err != nil {
			t.Fatal(err)
		}
		w.r = bufio.NewReader(w.conn)
		if err := w.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(w.conn, message) // a gateway that has refused it may have closed
	return w.receive()
}

// statuses writes messages at once and returns the status of each answer, up to the end of the connection.
func (w *wire) statuses(t testing.TB, messages string) (all []int) {
	t.Helper()
	w.close()
	for status := w.send(t, messages); status != 0; status = w.receive() {
		all = append(all, status)
		if w.conn == nil {
			return all
		}
		if c, ok := w.conn.(*tls.Conn); ok {
			_ = c.CloseWrite() // nothing more comes
		}
	}
	return all
}

func (w *wire) receive() int {
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.close()
		return 0
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.Close {
		w.close()
	}
	return resp.StatusCode
}

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
	}
	w.conn = nil
}

// reached returns how many requests have come to the servlet's path.
func (c *tomcat) reached() int64 { return c.counters().Requests }

// spelled are spellings of a path that some server undoes: one bend and two.
func spelled(path string) []string {
	replace := func(old, with string) func(string) string {
		return func(p string) string { return strings.Replace(p, old, with, 1) }
	}
	var bends []func(string) string
	for _, end := range []string{";x", ";", "?x", "/.", "/x/..", ";%2f..", "/", "%20", "%00", "%3b", "%09", "/x/%2e%2e", "/..;/do", "%c0%af"} {
		bends = append(bends, replace("/do", "/do"+end))
	}
	for _, segment := range []string{"/api", "/liferay", "/do"} {
		for _, with := range []string{";x", ";a=b;c", ";jsessionid=1", "/.", "/.;x", "/%2e", "/x/..", "/x/..;", "/x/%2e%2e", "/x/.%2E;y", "/", "/;"} {
			bends = append(bends, replace(segment, segment+with), replace(segment, with+segment))
		}
		for _, c := range segment[1:] {
			bends = append(bends, replace(string(c), fmt.Sprintf("%%%02x", c)), replace(string(c), fmt.Sprintf("%%25%02x", c)),
				replace(string(c), strings.ToUpper(string(c))), replace(string(c), fmt.Sprintf("%%u00%02x", c)))
		}
		bends = append(bends, replace(segment, "%2f"+segment[1:]), replace(segment, "%5c"+segment[1:]), replace(segment, "\\"+segment[1:]))
	}
	all := map[string]bool{}
	for _, first := range bends {
		for _, second := range bends {
			all[first(path)], all[second(first(path))] = true, true
		}
	}
	delete(all, path)
	var list []string
	for s := range all {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

// TestInteropSpellings sends thousands of spellings of the tunnel's path, to a gateway before a real Tomcat and straight
// to the Tomcat: there many reach the servlet, through the gateway only the exact one does.
func TestInteropSpellings(t *testing.T) {
	c := newTomcat(t)
	tried, reached := 0, int64(0)
	for _, context := range []string{"", outside} {
		o := options(newest, secrets[0], c.address)
		o.Context = context
		g := harness.Start(t, o)
		w, target := toGateway(t, g), context+"/api/liferay/do"
		c.reset()
		all := spelled(target)
		for _, foreign := range spelled(inside + "/api/liferay/do") { // the engine's own path, from outside
			if len(all) < share(1500, 6000) {
				all = append(all, foreign)
			}
		}
		for _, s := range all[:min(len(all), share(1500, len(all)))] {
			if status := w.send(t, c.head(g.Addr, s)+string(c.body)); status != http.StatusNotFound && status != http.StatusBadRequest {
				t.Errorf("%q is answered with %d", s, status)
			}
			w.close()
			tried++
		}
		reached += c.reached()
		if status := w.send(t, c.head(g.Addr, target)+string(c.body)); status != http.StatusOK || c.reached() != 1 {
			t.Errorf("the path itself: %d, %d reached it", status, c.reached())
		}
	}
	c.reset()
	straight := &wire{dial: func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(c.address, "http://")) }}
	list := spelled(inside + "/api/liferay/do")
	for i := 0; i < len(list); i += len(list)/500 + 1 {
		straight.send(t, c.head("127.0.0.1", list[i])+string(c.body))
		straight.close()
	}
	t.Logf("of %d of the spellings that went straight to Tomcat %d reached the servlet", 500, c.reached())
	if c.reached() < 20 {
		t.Errorf("%d spellings reach the servlet without a gateway: the test sees too little", c.reached())
	}
	prove(t, "%d spellings of the path before a real Tomcat, %d reached its servlet", tried, reached)
	if tried < 2000 || reached > 0 {
		t.Errorf("%d tried, %d reached", tried, reached)
	}
}

func prove(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf("prove: "+format, args...)
}

// oddLines are what stands in place of, or beside, the Content-Length of a legal head; LEN is its value.
var oddLines = []string{
	"Content-Length: LEN\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: LEN", "Transfer-Encoding: chunked",
	"Content-Length: LEN\r\nContent-Length: LEN", "Content-Length: LEN\r\nContent-Length: 3", "Content-Length: 3\r\nContent-Length: LEN", "Content-Length: LEN, LEN",
	"Content-Length: +LEN", "Content-Length: 0LEN", "Content-Length: -LEN", "Content-Length: 0xLEN", "Content-Length: \x0cLEN",
	"Content-Length : LEN", " Content-Length: LEN", "Content-Length: LEN\r\n folded", "Content-Length: LEN\x0b", "Content-Length: L E N", "Content_Length: LEN", "Content-Length;: LEN",
	"Transfer-Encoding: identity\r\nContent-Length: LEN", "Transfer-Encoding: xchunked\r\nContent-Length: LEN", "Transfer-Encoding: chunked, identity\r\nContent-Length: LEN",
	"Transfer-Encoding: identity, chunked\r\nContent-Length: LEN", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: LEN", "Transfer-Encoding:\tchunked\r\nContent-Length: LEN",
	"Transfer-Encoding: \x0bchunked\r\nContent-Length: LEN", "Transfer-Encoding: chunked\x00\r\nContent-Length: LEN", "Transfer-Encoding : chunked\r\nContent-Length: LEN",
	"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: LEN", "Transfer-Encoding:\r\n chunked\r\nContent-Length: LEN", "Transfer-Encoding: CHUNKED\r\nContent-Length: LEN",
	"Transfer_Encoding: chunked\r\nContent-Length: LEN", "X: y\nTransfer-Encoding: chunked\r\nContent-Length: LEN", "X: y\rTransfer-Encoding: chunked\r\nContent-Length: LEN",
	"Content-Length: LEN\nX: y", "Connection: close, Authorization\r\nContent-Length: LEN", "Connection: Content-Length\r\nContent-Length: LEN", "Upgrade: h2c\r\nContent-Length: LEN",
	"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: LEN", "Trailer: X\r\nContent-Length: LEN", "TE: trailers\r\nContent-Length: LEN",
	"Expect: 100-continue, x\r\nContent-Length: LEN", "Host: 127.0.0.1\r\nContent-Length: LEN", "X: \x00\r\nContent-Length: LEN", "X: \xe9\r\nContent-Length: LEN", "X Y: z\r\nContent-Length: LEN",
	": z\r\nContent-Length: LEN", "X\r\nContent-Length: LEN", "Authorization: Basic eA==\r\nContent-Length: LEN", "Proxy-Connection: close\r\nContent-Length: LEN",
	"Content-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked", "Content-Length: 18446744073709551617", "Content-Length: 9999999999", "Content-Length:", "X: y",
}

// oddChunks are bodies that some server takes for chunked ones; DATA is the call.
var oddChunks = []string{
	"SIZE\r\nDATA\r\n0\r\n\r\n", "SIZE;x=y\r\nDATA\r\n0\r\n\r\n", "SIZE \r\nDATA\r\n0\r\n\r\n", " SIZE\r\nDATA\r\n0\r\n\r\n", "0xSIZE\r\nDATA\r\n0\r\n\r\n", "+SIZE\r\nDATA\r\n0\r\n\r\n",
	"SIZE\nDATA\n0\n\n", "000000000SIZE\r\nDATA\r\n0\r\n\r\n", "SIZE\r\nDATA0\r\n\r\n", "SIZE\r\nDATA\r\n0\r\nX: y\r\n\r\n", "SIZE\r\nDATA\r\n0\r\nContent-Length: 3\r\n\r\n", "SIZE\r\nDATA\r\n\r\n",
	"FFFFFFFFFFFFFFFF\r\nDATA\r\n0\r\n\r\n", "-1\r\nDATA\r\n0\r\n\r\n", "SIZE\r\nDATA\r\n00\r\n\r\n", "SIZE;\nDATA\r\n0\r\n\r\n", "\r\nSIZE\r\nDATA\r\n0\r\n\r\n", "0\r\n\r\nDATA",
}

// oddMessages are messages that no publisher sends, each with a legal and genuine call in it.
func (c *tomcat) oddMessages(addr string) []string {
	begin := "POST " + outside + "/api/liferay/do HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: " + c.auth + "\r\n"
	var all []string
	for _, lines := range oddLines {
		all = append(all, begin+strings.ReplaceAll(lines, "LEN", strconv.Itoa(len(c.body)))+"\r\n\r\n"+string(c.body))
	}
	for _, chunked := range []string{"Transfer-Encoding: chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding:chunked", "transfer-encoding: Chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: identity\r\nContent-Length: LEN"} {
		for _, body := range oddChunks {
			r := strings.NewReplacer("LEN", strconv.Itoa(len(c.body)), "SIZE", strconv.FormatInt(int64(len(c.body)), 16), "DATA", string(c.body))
			all = append(all, begin+r.Replace(chunked+"\r\n\r\n"+body))
		}
	}
	length, rest := "Content-Length: "+strconv.Itoa(len(c.body)), outside+"/api/liferay/do HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: "+c.auth+"\r\n"
	for _, line := range []string{
		"POST  " + rest, "POST\t" + rest, "post " + rest, "\r\nPOST " + rest, "GET " + rest, "PUT " + rest, "OPTIONS " + rest, "PRI " + rest, "POST http://" + addr + rest,
		"POST //" + addr + rest, strings.Replace("POST "+rest, "HTTP/1.1", "HTTP/1.0", 1), strings.Replace("POST "+rest, "HTTP/1.1", "HTTP/1.2", 1), strings.Replace("POST "+rest, " HTTP/1.1", "", 1),
		strings.Replace("POST "+rest, "HTTP/1.1", "HTTP/2.0", 1), strings.Replace("POST "+rest, "HTTP/1.1", "http/1.1", 1), strings.Replace("POST "+rest, "HTTP/1.1\r", "HTTP/1.1", 1),
		strings.Replace("POST "+rest, "Host: ", "Host : ", 1), strings.Replace("POST "+rest, "Host: "+addr, "Host: evil.example.com", 1), strings.Replace("POST "+rest, "Host: "+addr+"\r\n", "", 1),
		strings.Replace("POST "+rest, "Host: "+addr, "Host: "+addr+"\r\nHost: "+addr, 1), strings.ReplaceAll("POST "+rest, "\r\n", "\n"),
	} {
		all = append(all, line+length+"\r\n\r\n"+string(c.body))
	}
	return all
}

// TestInteropOddMessages sends messages that servers read in more than one way to a gateway before a real Tomcat: as the
// first on a connection or behind a good call, alone or with a second whole call behind it. What comes to the servlet is the
// good calls, each of which is answered, and nothing else.
func TestInteropOddMessages(t *testing.T) {
	c := newTomcat(t)
	g := harness.Start(t, options(newest, secrets[0], c.address))
	w := toGateway(t, g)
	legal := c.head(g.Addr, outside+"/api/liferay/do") + string(c.body)
	c.reset()
	tried, good := 0, int64(0)
	for _, m := range c.oddMessages(g.Addr) {
		for at, before := range []string{"", legal} {
			for _, behind := range []string{"", legal} { // of one that is whole and refused the connection may go on
				tried++
				for i, status := range w.statuses(t, before+m+behind) {
					if status == http.StatusOK {
						good++
					}
					if i == at && status == http.StatusOK {
						t.Errorf("answered with 200: %.120q", strings.Replace(m, c.auth, "", 1))
					}
				}
			}
		}
	}
	smuggled := c.reached() - good
	prove(t, "%d messages that servers read in more than one way before a real Tomcat, %d reached it", tried, smuggled)
	if tried < 500 || smuggled != 0 || good == 0 {
		t.Errorf("%d tried, %d good ones, %d came", tried, good, c.reached())
	}
	if status := w.send(t, legal); status != http.StatusOK {
		t.Errorf("a good call behind all of it is answered with %d", status)
	}
}

// spoofs are header lines that claim another address.
func spoofs() []string {
	var all []string
	for _, name := range []string{
		"X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X_Forwarded_For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Forwarded-Host",
		"X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL", "X-Cluster-Client-IP",
	} {
		for _, value := range []string{"203.0.113.7", "198.51.100.9", "127.0.0.1", "::1", "unknown", "203.0.113.7, 198.51.100.9", "198.51.100.9, 203.0.113.7", "[::1]:80", "203.0.113.7:80",
			"for=203.0.113.7;proto=https", "/portal/api/liferay/do"} {
			all = append(all, name+": "+value)
		}
	}
	return append(all, "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.9", "X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-For: 203.0.113.7")
}

// TestInteropSpoofs: whatever a head claims, a call reaches the servlet if and only if the address that counts is on the
// list: that of the socket, or of the PROXY header of a listed balancer.
func TestInteropSpoofs(t *testing.T) {
	c := newTomcat(t)
	tried, otherwise := 0, 0
	for _, tt := range []struct {
		name  string
		allow string
		proxy string // header that a balancer writes; empty: there is none
		may   bool
	}{
		{"the socket is listed", `["127.0.0.1"]`, "", true},
		{"the socket is not listed", `["203.0.113.0/24"]`, "", false},
		{"a balancer names a listed client", `["203.0.113.0/24"]`, "PROXY TCP4 203.0.113.7 127.0.0.1 4000 8443\r\n", true},
		{"a balancer names another client", `["203.0.113.0/24"]`, "PROXY TCP4 198.51.100.9 127.0.0.1 4000 8443\r\n", false},
		{"a balancer names a mapped listed client", `["203.0.113.0/24"]`, "PROXY TCP6 ::ffff:203.0.113.7 ::1 4000 8443\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(newest, secrets[0], c.address)
			o.Allow = tt.allow
			if tt.proxy != "" {
				o.Hosts = []string{`proxy_protocol: ["127.0.0.1"]`}
			}
			g := harness.Start(t, o)
			w := &wire{dial: func() (net.Conn, error) { return behind(tt.proxy, g) }}
			list := spoofs()
			for i := 0; i < len(list); i += share(2, 1) {
				c.reset()
				status := w.send(t, c.head(g.Addr, outside+"/api/liferay/do", strings.Split(list[i], "\r\n")...)+string(c.body))
				w.close()
				tried++
				// a name that is none, or more than one such line, is refused as HTTP, wherever it comes from
				malformed := strings.Contains(list[i], "_") || status == http.StatusBadRequest
				if came := c.reached() == 1; came != tt.may && !(tt.may && malformed) || came && !tt.may {
					otherwise++
					t.Errorf("%q: %d, %d reached the servlet", list[i], status, c.reached())
				}
			}
		})
	}
	prove(t, "%d combinations of forwarding and PROXY headers before a real Tomcat, %d decided otherwise than by the address that counts", tried, otherwise)
	if tried < 300 {
		t.Errorf("%d tried", tried)
	}
}

// behind connects as a balancer that writes that header does.
func behind(proxy string, g *harness.Gateway) (net.Conn, error) {
	conn, err := net.Dial("tcp", g.Addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, proxy); err != nil {
		return nil, err
	}
	return tls.Client(conn, g.TLS), nil
}
