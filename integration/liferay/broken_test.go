package liferay_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

// part is the body of a part, and where its content begins and ends.
func (c *tomcat) part(t testing.TB, id int64, name string, size int) (body []byte, begin, end int) {
	t.Helper()
	m, _, err := methods.Find(newest.name, "updateStagingRequest", 3)
	if err != nil {
		t.Fatal(err)
	}
	call, err := liferay.NewCall(newest.name, liferay.Principal{Login: harness.Login, URL: "https://staging.example.com"}, m,
		id, name, tunnel.Content{Size: int64(size)})
	if err != nil {
		t.Fatal(err)
	}
	front, tail, err := call.Split()
	if err != nil {
		t.Fatal(err)
	}
	body = bytes.Join([][]byte{front, bytes.Repeat([]byte("content "), size/8), tail}, nil)
	return body, len(front), len(front) + size
}

// post sends a call whole and returns the body of its answer.
func (c *tomcat) post(t testing.TB, g *harness.Gateway, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/api/liferay/do", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", c.auth)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: g.TLS, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %.200q", resp.StatusCode, err, answer)
	}
	return answer
}

// replied reads an answer; it fails the test for an exception.
func replied(t testing.TB, body []byte, returns string) any {
	t.Helper()
	lim := javaser.DefaultLimits()
	r, err := liferay.ReadReply(source.New(bytes.NewReader(body), nil, lim.Held), lim, returns, true)
	if err != nil {
		t.Fatal(err)
	}
	if r.Thrown != nil {
		t.Fatal(r.Thrown)
	}
	return r.Value
}

// nameless reports whether that byte of a tail belongs to the name of a class's context, "null", for which another
// name is as legal: the engine looks the class up in its own then.
func nameless(tail []byte, at int) bool {
	return bytes.Contains(tail[max(0, at-3):min(len(tail), at+4)], []byte("null"))
}

// breaks are the ways in which a part does not come whole. Each writes to the connection what comes of it.
var breaks = []struct {
	name string
	cut  func(c *tls.Conn, head, body []byte, begin, end int, r *rand.Rand)
}{
	{"an end", func(c *tls.Conn, head, body []byte, begin, _ int, r *rand.Rand) {
		_, _ = c.Write(append(head, body[:begin+r.IntN(len(body)-begin)]...))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}},
	{"a reset", func(c *tls.Conn, head, body []byte, begin, _ int, r *rand.Rand) {
		_, _ = c.Write(append(head, body[:begin+r.IntN(len(body)-begin)]...))
		if tcp, ok := c.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.NetConn().Close()
	}},
	{"a changed byte behind the content", func(c *tls.Conn, head, body []byte, _, end int, r *rand.Rand) {
		bent, at := bytes.Clone(body), end
		for at == end || nameless(body[end:], at-end) {
			at = end + r.IntN(len(body)-end)
		}
		bent[at] ^= 1 << r.IntN(8)
		_, _ = c.Write(append(head, bent...))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}},
	{"another method behind the content", func(c *tls.Conn, head, body []byte, _, end int, _ *rand.Rand) {
		bent := append(bytes.Clone(body[:end]), bytes.Replace(body[end:], []byte("updateStagingRequest"), []byte("deleteStagingRequest"), 1)...)
		_, _ = c.Write(append(head, bent...))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}},
	{"one byte too many", func(c *tls.Conn, head, body []byte, _, _ int, _ *rand.Rand) {
		longer := strings.Replace(string(head), "Content-Length: "+strconv.Itoa(len(body)), "Content-Length: "+strconv.Itoa(len(body)+1), 1)
		_, _ = c.Write(append([]byte(longer), append(bytes.Clone(body), 0)...))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}},
}

// TestInteropBrokenParts breaks parts at random bytes behind their envelope: the vendor's servlet, whose readObject waits
// for them, carries out none, and the whole part that follows once.
func TestInteropBrokenParts(t *testing.T) {
	c := newTomcat(t)
	o := options(newest, secrets[0], c.address)
	o.Extra = append([]string{"repeats: { keep: 1s }"}, pace...)
	g := harness.Start(t, o)
	id, ok := replied(t, c.post(t, g, c.bytes(t, "createStagingRequest", int64(site), strings.Repeat("a", 32))), "long").(int64)
	if !ok {
		t.Fatal("no id")
	}
	c.reset()
	random := rand.New(rand.NewPCG(7, 10_000))
	tried := share(400, 10_000)
	for i := range tried {
		body, begin, end := c.part(t, id, "a.zip00", 8*(1+random.IntN(2000)))
		conn, err := g.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		head := "POST " + outside + "/api/liferay/do HTTP/1.1\r\nHost: " + g.Addr + "\r\nAuthorization: " + c.auth + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
		breaks[i%len(breaks)].cut(conn.(*tls.Conn), []byte(head), body, begin, end, random)
		conn.Close()
	}
	n := c.counters()
	t.Logf("%d came to the servlet, which began to read %d streams and %d objects of them", n.Requests, n.Streams, n.Objects)
	if n.Streams == 0 {
		t.Error("no part was ever under way: the test sees too little")
	}
	body, _, _ := c.part(t, id, "a.zip00", 4000)
	c.post(t, g, body)
	if whole := c.counters().Executed; whole != n.Executed+1 {
		t.Errorf("the whole part was carried out %d times", whole-n.Executed)
	}
	prove(t, "%d parts broken behind the envelope before the vendor's servlet, %d carried out", tried, n.Executed)
	if n.Executed > 0 {
		t.Errorf("%d carried out", n.Executed)
	}
}
