package liferay_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

func be(n int, v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v)[8-n:] }

func modified(s string) []byte { return append(be(2, uint64(len(s))), s...) }

// described is a class descriptor without a superclass.
func described(name string, uid uint64, flags byte, fields ...string) []byte {
	b := append(append([]byte{0x72}, modified(name)...), be(8, uid)...)
	b = append(append(b, flags), be(2, uint64(len(fields)))...)
	for _, f := range fields {
		b = append(append(b, f[0]), modified(f[1:])...)
	}
	return append(b, 0x78, 0x70)
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	magic    = []byte{0xac, 0xed, 0, 5}
	objects  = described("[Ljava.lang.Object;", 0x90ce589f1073296c, 2)
	hashSet  = described("java.util.HashSet", 0xba44859596b8b734, 3)
	negative = int64(-1)
)

// exhausting are streams that cost a JVM its memory, its stack or its time.
func exhausting(size int) map[string][]byte {
	nested := joined(magic, []byte{0x75}, objects, be(4, 1))
	supers := joined(magic, []byte{0x73})
	for i := range 200 * size {
		nested = joined(nested, []byte{0x75, 0x71, 0, 0x7e, 0, 0}, be(4, 1))
		class := described(fmt.Sprintf("t.Node%05d", i), 1, 2)
		supers = append(supers, class[:len(class)-1]...)
	}
	sets := joined(magic)
	for range 20 + size { // each holds the one below twice, as far as a stream of this size gets
		class := []byte{0x71, 0, 0x7e, 0, 0}
		if len(sets) == len(magic) {
			class = hashSet
		}
		sets = joined(sets, []byte{0x73}, class, []byte{0x77, 12}, be(4, 16), be(4, 0x3f400000), be(4, 2))
	}
	dims := strings.Repeat("[", 255) + "J"
	n := uint64(size)
	return map[string][]byte{
		"long[] of which only the head comes":  joined(magic, []byte{0x75}, described("[J", 0x782004b512b17593, 2), be(4, n*214_748_364)),
		"byte[] of which only the head comes":  joined(magic, []byte{0x75}, described("[B", 0xacf317f8060854e0, 2), be(4, n*200_000_000)),
		"a list that says it is huge":          joined(magic, []byte{0x73}, described("java.util.ArrayList", 0x7881d21d99c7619d, 3, "Isize"), be(4, n*100_000_000), []byte{0x77, 4}, be(4, n*100_000_000)),
		"a map that says it is huge":           joined(magic, []byte{0x73}, described("java.util.HashMap", 0x0507dac1c31660d1, 3, "FloadFactor", "Ithreshold"), be(4, 0x3f400000), be(4, 12), []byte{0x77, 8}, be(4, 16), be(4, n*50_000_000)),
		"an array of 255 dimensions":           joined(magic, []byte{0x75}, described(dims, 1, 2), be(4, n*10_000_000)),
		"nested arrays":                        nested,
		"superclasses":                         supers,
		"shared sets":                          sets,
		"a long string that is not there":      joined(magic, []byte{0x7c}, be(8, n<<30)),
		"a string of which only the head came": joined(magic, []byte{0x74}, be(2, 65_535)),
		"a negative length":                    joined(magic, []byte{0x75}, objects, be(4, uint64(negative)&0xffffffff)),
	}
}

// answers are what the hostile live says to a call: HTTP as it stands on the wire.
func hostileAnswers(t testing.TB) map[string][]byte {
	t.Helper()
	framed := func(body []byte) []byte {
		return append([]byte("HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	}
	all := map[string][]byte{}
	for size := 1; size <= 10; size++ {
		for name, stream := range exhausting(size) {
			all[fmt.Sprintf("%s, %d", name, size)] = framed(stream)
		}
	}
	chains, err := os.ReadFile(filepath.Join("..", "..", "tunnel", "liferay", "testdata", "chains.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(chains)) {
		names := strings.Fields(line)
		class := strings.TrimPrefix(names[1], "proxy:")
		all["chain "+names[0]] = framed(joined(magic, []byte{0x73}, described(class, 1, 2)))
		all["chain in an exception "+names[0]] = framed(joined(magic, []byte{0x7b, 0x73}, described(class, 1, 2)))
	}
	good, err := liferay.AppendValue(nil, newest.name, "https://live.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	head := func(lines string, body []byte) []byte { return append([]byte(lines+"\r\n\r\n"), body...) }
	length := strconv.Itoa(len(good))
	for name, raw := range map[string][]byte{
		"a redirect":                   head("HTTP/1.1 302 Found\r\nLocation: http://evil.example.com/\r\nContent-Length: 0", nil),
		"nothing where a value is due": framed(nil),
		"a page":                       head("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15", []byte("<html>Hi</html>")),
		"two lengths":                  head("HTTP/1.1 200 OK\r\nContent-Length: "+length+"\r\nContent-Length: 3", good),
		"length and encoding":          head("HTTP/1.1 200 OK\r\nContent-Length: "+length+"\r\nTransfer-Encoding: chunked", good),
		"a folded field":               head("HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: "+length, good),
		"no HTTP":                      append([]byte("220 ready\r\n"), good...),
		"a body without a head":        good,
		"a chunk that lies":            head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", []byte("ffffffff\r\nx")),
		"fields without end":           []byte("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: "+strings.Repeat("y", 1000)+"\r\n", 2000)),
		"interim replies":              append([]byte(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 5000)), framed([]byte("\xac\xed"))...),
		"more than a reply may be":     framed(joined(magic, []byte{0x7c}, be(8, 20<<20), make([]byte, 20<<20))),
		"shorter than it says":         head("HTTP/1.1 200 OK\r\nContent-Length: 999999", good),
		"behind the object":            framed(append(bytes.Clone(good), 0x70)),
		"another type":                 framed(joined(magic, []byte{0x75}, objects, be(4, 0))),
		"cut in the object":            framed(good[:len(good)-3]),
	} {
		all[name] = raw
	}
	return all
}

// hostileLive answers each call with what it is told to, and closes then.
type hostileLive struct {
	l     net.Listener
	conns sync.WaitGroup
	mu    sync.Mutex
	says  []byte
}

func newHostileLive(t testing.TB) *hostileLive {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostileLive{l: l}
	h.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.conns.Go(func() { h.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); h.conns.Wait() })
	return h
}

func (h *hostileLive) serve(c net.Conn) {
	defer c.Close()
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	if req.Method != http.MethodPost {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = c.Write(h.says)
}

func (h *hostileLive) say(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.says = b
}

// TestInteropHostileAnswers has a hostile live answer the vendor's own client, through a gateway, with streams that exhaust
// a JVM, with the first objects of known chains, and with broken HTTP. What the client gets each time is an exception that
// the gateway wrote, and it goes on working.
func TestInteropHostileAnswers(t *testing.T) {
	needJVM(t)
	build(t, newest.name)
	live := newHostileLive(t)
	o := options(newest, secrets[0], "http://"+live.l.Addr().String())
	g := harness.Start(t, o)
	p, _ := client(t, newest, secrets[0], g.URL, []*harness.Gateway{g})
	auth := harness.NewKey(t, secrets[0].value).Authorization(harness.Login, false, false)
	c := &tomcat{stage: &stage{release: newest}, auth: auth}
	c.body = c.bytes(t, "getGroupDisplayURL", int64(site), false, true)
	tried, passed := 0, 0
	for name, raw := range hostileAnswers(t) {
		live.say(raw)
		if !c.refusedBefore(t, g, name) {
			passed++
		}
		got := do[heard](p, "call", fields{"method": "getGroup", "args": []any{site}})
		if got.OK || got.Exception == nil || !strings.HasPrefix(got.Exception.Class, "com.liferay.") && !strings.HasPrefix(got.Exception.Class, "java.io.") {
			passed++
			t.Errorf("%s: the client has %+v %v", name, got, got.Exception)
		}
		tried += 2
	}
	good, err := liferay.AppendValue(nil, newest.name, true)
	if err != nil {
		t.Fatal(err)
	}
	live.say(append([]byte("HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(good))+"\r\n\r\n"), good...))
	if got := do[heard](p, "call", fields{"method": "checkRemoteStagingGroup", "args": []any{site}}); got.Exception != nil && strings.Contains(got.Exception.Class, "Error") {
		t.Errorf("afterwards: %v", got.Exception)
	}
	prove(t, "%d hostile answers to the vendor's client and to a raw one, %d passed on", tried, passed)
	if tried < 300 {
		t.Errorf("%d tried", tried)
	}
}

// refusedBefore sends a call raw and reports whether the answer is one that the gateway wrote: an exception in its own words,
// in the one form that Java writes, or a text.
func (c *tomcat) refusedBefore(t *testing.T, g *harness.Gateway, name string) bool {
	t.Helper()
	conn, err := g.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, c.head(g.Addr, outside+"/api/liferay/do", "Connection: close")+string(c.body)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s: no answer: %v", name, err)
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("X-Stagelock-Reference") == "" || resp.Header.Get("Location") != "" {
		t.Errorf("%s: %v %v", name, err, resp.Header)
		return false
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return true
	}
	lim := javaser.DefaultLimits()
	r, err := liferay.ReadReply(source.New(bytes.NewReader(body), nil, lim.Held), lim, "java.lang.String", true)
	if err != nil || r.Thrown == nil || !strings.Contains(r.Thrown.Message, resp.Header.Get("X-Stagelock-Reference")) || len(body) > 4096 {
		t.Errorf("%s: %d %v %.200q", name, resp.StatusCode, err, body)
		return false
	}
	return true
}
