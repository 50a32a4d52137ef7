package native_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/native"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/quota"
	"github.com/stagelock/stagelock/store"
)

// house is a Server behind a listener with TLS, and what it wrote and counted.
type house struct {
	*native.Server
	url    string
	client *http.Client
	slow   chan struct{} // held by a probe of /slow until it is closed
	begun  chan struct{}

	mu     sync.Mutex
	said   strings.Builder // on level debug
	events []audit.Event
	calls  []metrics.Call
}

func (h *house) Append(_ context.Context, ev audit.Event) (store.Seq, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, ev)
	return 1, nil
}

func (h *house) AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return h.Append(ctx, ev)
}

func (h *house) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return h.Append(ctx, ev)
}

func (h *house) Call(c metrics.Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// line keeps a line of the log.
func (h *house) line(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said.Write(b)
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func (h *house) log() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(writer(h.line))
	log.SetLevel(logrus.DebugLevel)
	return logrus.NewEntry(log)
}

func (h *house) health(path string) (int, []byte, bool) {
	switch path {
	case "/healthz":
		return http.StatusOK, []byte("healthy"), true
	case "/slow":
		h.begun <- struct{}{}
		<-h.slow
		return http.StatusOK, []byte("late"), true
	}
	return 0, nil, false
}

// newHouse starts a Server whose allowed hosts are those of allow.
func newHouse(t *testing.T, allow ...string) *house {
	t.Helper()
	h := &house{slow: make(chan struct{}), begun: make(chan struct{}, 10)}
	log := logrus.New()
	log.SetOutput(io.Discard)
	visits, err := visit.New(visit.Config{Audit: h, Log: logrus.NewEntry(log), Now: time.Now, Strangers: func() int { return 100 }})
	if err != nil {
		t.Fatal(err)
	}
	set, _ := hosts.New(hosts.Config{Allow: allow})
	proxies, _ := hosts.NewProxies(nil)
	rules := &visit.Rules{Hosts: set, Proxies: proxies, Quota: quota.New(quota.Config{AddressRate: 1000, AddressBurst: 1000, PeerRate: 1000,
		PeerBurst: 1000, Connections: 100, ConnectionsPerAddress: 100, Tracked: 100})}
	h.Server, err = native.New(native.Config{Visits: visits, Rules: func() *visit.Rules { return rules }, Meter: h, Health: h.health,
		Routes: map[string]native.Route{"/route/": func(w http.ResponseWriter, _ *http.Request, _ *visit.Visit) error {
			_, err := io.WriteString(w, "routed")
			return err
		}}, Log: h.log()})
	if err != nil {
		t.Fatal(err)
	}
	h.listen(t)
	return h
}

// listen hands connections over as the front does, until the test ends.
func (h *house) listen(t *testing.T) {
	t.Helper()
	pair := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(pair.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: pair.TLS.Certificates, NextProtos: []string{front.HTTP2}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Certificate())
	h.url = "https://" + l.Addr().String()
	h.client = &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12}}}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { h.hand(ctx, c) })
		}
	})
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		_ = l.Close()
		stop()
		all.Wait()
	})
}

func (h *house) hand(ctx context.Context, c net.Conn) {
	if secure, ok := c.(*tls.Conn); !ok || secure.HandshakeContext(ctx) != nil {
		_ = c.Close()
		return
	}
	h.Serve(ctx, front.Connection{Conn: c, Socket: netip.MustParseAddrPort(c.RemoteAddr().String())})
}

func (h *house) get(t *testing.T, path string) (int, string, http.Header) {
	t.Helper()
	res, err := h.client.Get(h.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.ProtoMajor != 2 {
		t.Fatalf("%s %v", res.Proto, err)
	}
	return res.StatusCode, string(body), res.Header
}

// A request is a visit: it has a reference, and its refusal is recorded and counted under it.
func TestRequestsAreVisits(t *testing.T) {
	for _, tt := range []struct {
		name, allow, path string
		code              int
		reason            string
	}{
		{"health", "10.0.0.1", "/healthz", 200, ""}, // of this machine
		{"a stranger", "10.0.0.1", "/live/api/liferay/do", 403, "host.denied"},
		{"nothing there", "127.0.0.1", "/live/api/liferay/do", 404, "path.unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, tt.allow)
			code, body, head := h.get(t, tt.path)
			ref := head.Get("X-Stagelock-Reference")
			if code != tt.code || ref == "" {
				t.Errorf("%d %s, reference %q", code, body, ref)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if tt.reason == "" {
				if len(h.events)+len(h.calls) > 0 {
					t.Errorf("events %v, calls %v", h.events, h.calls)
				}
				return
			}
			if !strings.Contains(body, ref) || len(h.events) != 1 || string(h.events[0].Reason) != tt.reason || h.events[0].Ref != ref {
				t.Errorf("%s: events %+v", body, h.events)
			}
			if len(h.calls) != 1 || h.calls[0].Verdict != "deny" || h.calls[0].Reason != tt.reason || h.calls[0].Ref != ref {
				t.Errorf("calls %+v", h.calls)
			}
		})
	}
}

// A Server that drains answers what is under way, tells its clients to go, and takes nothing more.
func TestDrainCutsNoRequest(t *testing.T) {
	h := newHouse(t, "127.0.0.1")
	got := make(chan string, 1)
	go func() {
		res, err := h.client.Get(h.url + "/slow")
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		got <- string(body) + errText(err)
	}()
	<-h.begun
	drained := make(chan error, 1)
	go func() { drained <- h.Drain(t.Context()) }()
	select {
	case err := <-drained:
		t.Fatalf("drained while a request was under way: %v", err)
	case s := <-got:
		t.Fatalf("answered before it was: %s", s)
	case <-time.After(50 * time.Millisecond):
	}
	close(h.slow)
	if s := <-got; s != "late" {
		t.Errorf("the request under way: %s", s)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if res, err := h.client.Get(h.url + "/healthz"); err == nil {
		res.Body.Close()
		t.Error("a request is served after the drain")
	}
}

// A drain does not wait for ever.
func TestDrainEnds(t *testing.T) {
	h := newHouse(t, "127.0.0.1")
	go func() {
		if res, err := h.client.Get(h.url + "/slow"); err == nil {
			res.Body.Close()
		}
	}()
	<-h.begun
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan error, 1)
	go func() { drained <- h.Drain(ctx) }()
	cancel()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(h.slow)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestServerNeedsItsParts(t *testing.T) {
	if _, err := native.New(native.Config{}); err == nil {
		t.Error("a server without visits")
	}
}

// raw opens a connection on which the test writes its own frames.
func (h *house) raw(t *testing.T) net.Conn {
	t.Helper()
	secure := h.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	secure.NextProtos = []string{front.HTTP2}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(h.url, "https://"), secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestClientsDoNotFillStandardError: what a client does wrong in its frames is told on level debug and nowhere else:
// the library would write a line for each to standard error, without a bound.
func TestClientsDoNotFillStandardError(t *testing.T) {
	var out strings.Builder
	before := stdlog.Writer()
	stdlog.SetOutput(&out)
	defer stdlog.SetOutput(before)
	h := newHouse(t, "127.0.0.1")
	for _, frames := range []string{
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", // data on a stream that is idle
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05\x06\x00\x00\x00\x00\x00aaaaa",            // a ping of five bytes
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff", // a head that cannot be unpacked
	} {
		conn := h.raw(t)
		if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frames); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, conn) // to its end
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.Contains(h.said.String(), "level=debug") || !strings.Contains(h.said.String(), "connection error") {
		t.Errorf("the log says %q", h.said.String())
	}
	if out.Len() > 0 {
		t.Errorf("standard error has %q", out.String())
	}
}

// TestHeadsThatUnpackAreBounded: a head that is small on the wire and large once it is unpacked is refused, and one as
// large as heads may be is served.
func TestHeadsThatUnpackAreBounded(t *testing.T) {
	h := newHouse(t, "127.0.0.1")
	for _, tt := range []struct {
		name   string
		fields int
		status int
	}{
		{"an ordinary one", 1, http.StatusOK},
		{"as large as it may be", 20, http.StatusOK},
		{"too large", 40, http.StatusRequestHeaderFieldsTooLarge},
		{"of many equal fields", 900, http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			for range tt.fields {
				req.Header.Add("X-Same", strings.Repeat("a", 1000))
			}
			res, err := h.client.Do(req)
			if err != nil {
				if tt.status == http.StatusOK {
					t.Fatal(err)
				}
				return // the client itself knows the bound by now
			}
			defer res.Body.Close()
			if res.StatusCode != tt.status {
				t.Errorf("answered with %d, want %d", res.StatusCode, tt.status)
			}
		})
	}
}
