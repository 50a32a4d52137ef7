package readiness_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const text = "1234567890123456"

func key(t *testing.T, text string) *secret.Key {
	t.Helper()
	k, findings := secret.NewKey(secret.KeyConfig{ID: "engine", Algorithm: "AES", Secret: []byte(text), Line: "7.4"})
	if k == nil {
		t.Fatal(findings)
	}
	return k
}

// target asks an engine of that line as the gateway does.
func target(t *testing.T, line string) readiness.Target {
	t.Helper()
	build, err := liferay.BuildOf(line)
	if err != nil {
		t.Fatal(err)
	}
	preset, err := calls.NewPreset(line)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range preset.Rules() {
		if r.Method == "checkRemoteStagingGroup" {
			return readiness.Target{Key: key(t, text), Build: build, Encoded: line != "6.2",
				Method: tunnel.Method{Service: r.Service, Name: r.Method, Parameters: r.Parameters}}
		}
	}
	t.Fatal("no such call")
	return readiness.Target{}
}

func logger(w io.Writer) *logrus.Entry {
	l := logrus.New()
	l.SetOutput(w)
	return logrus.NewEntry(l)
}

func pool(t *testing.T, secure *tls.Config, urls ...string) *upstream.Pool {
	t.Helper()
	c := upstream.Config{TLS: secure, Failures: 3, ReplyMax: 1 << 20, Log: logger(io.Discard), ConnectTimeout: 5 * time.Second}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, u)
	}
	p, err := upstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// answer is an engine that answers every call so.
func answer(t *testing.T, status int, body []byte, head ...string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = nil
		for i := 0; i+1 < len(head); i += 2 {
			w.Header().Set(head[i], head[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func remoteAuth(t *testing.T, build string, typ int) []byte {
	t.Helper()
	b, err := liferay.AppendRemoteAuth(nil, build, typ, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatAnAnswerMeans(t *testing.T) {
	value, err := liferay.AppendValue(nil, "7.4.3.112", int64(7))
	if err != nil {
		t.Fatal(err)
	}
	thrown, err := liferay.AppendThrown(nil, "7.4.3.112", liferay.Thrown{Class: liferay.ClassPortalException, Message: "a"})
	if err != nil {
		t.Fatal(err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, tt := range []struct {
		name, url     string
		want          readiness.Kind // empty: a publish would pass
		setting, says string
	}{
		{name: "an unknown login", url: answer(t, 200, remoteAuth(t, "7.4.3.112", 1))},
		{name: "another exception", url: answer(t, 200, thrown)},
		{"another secret", answer(t, 200, remoteAuth(t, "7.4.3.112", liferay.TypeWrongSecret)), readiness.Secret,
			"engine.upstream.secret", "does not accept the engine's secret"},
		{"another path context", answer(t, 404, []byte("<html>")), readiness.Path, "engine.upstream.path_context", "/portal/api/liferay/do"},
		{"a servlet that takes no POST", answer(t, 405, nil), readiness.Path, "engine.upstream.path_context", "405"},
		{"a page", answer(t, 200, []byte("<!DOCTYPE html><title>Sign in</title>")), readiness.Page, "engine.upstream.nodes", "a page"},
		{"nothing", answer(t, 200, nil), readiness.Empty, "engine.line", "could not read the call"},
		{"a value", answer(t, 200, value), readiness.Unable, "engine.line", "login that nobody has"},
		{"it wants https", answer(t, 302, nil, "Location", "https://portal/"), readiness.Redirect, "engine.upstream.nodes", "https://portal/"},
		{"not this machine", answer(t, 403, nil), readiness.Address, "engine.upstream.nodes", "tunnel.servlet.hosts.allowed"},
		{"a proxy that asks for a log-in", answer(t, 401, nil), readiness.Address, "engine.upstream.nodes", "401"},
		{"not this host", answer(t, 400, nil), readiness.Host, "engine.upstream.host", "live.example.com"},
		{"busy", answer(t, 503, nil), readiness.Failing, "engine.upstream.nodes", "503"},
		{"down", closed.URL, readiness.Down, "engine.upstream.nodes", "refused"},
		{"no TLS", strings.Replace(answer(t, 200, nil), "http:", "https:", 1), readiness.Plain, "engine.upstream.nodes", "write http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := target(t, "7.4")
			to.PathContext, to.Host = "/portal", "live.example.com"
			f := to.Ask(t.Context(), pool(t, nil, tt.url).Members()[0])
			if tt.want == "" {
				if f != nil {
					t.Fatalf("found %+v", f)
				}
				return
			}
			if f == nil || f.Kind != tt.want || f.Setting != tt.setting || !strings.Contains(f.Msg+f.Cure, tt.says) {
				t.Errorf("found %+v", f)
			}
			if f != nil && !strings.Contains(f.Msg, f.Node) {
				t.Errorf("%q does not name the node", f.Msg)
			}
		})
	}
}

// What the vendor's own servlets answer to a login that they do not know, and to a wrong token.
func TestEveryLineAnswersTheQuestion(t *testing.T) {
	for _, build := range liferay.Builds() {
		files, err := filepath.Glob("../../tunnel/liferay/testdata/real/" + build + "/*-unknownUser.rep.ser")
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", build, files, err)
		}
		recorded, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		to := target(t, build[:3])
		to.Build = build
		if f := to.Ask(t.Context(), pool(t, nil, answer(t, 200, recorded)).Members()[0]); f != nil {
			t.Errorf("%s: found %+v", build, f)
		}
		wrong := answer(t, 200, remoteAuth(t, build, liferay.TypeWrongSecret))
		if f := to.Ask(t.Context(), pool(t, nil, wrong).Members()[0]); f == nil || f.Kind != readiness.Secret {
			t.Errorf("%s: a wrong secret: found %+v", build, f)
		}
	}
}

// The question is one read of no site under a login of nobody, with the engine's own secret.
func TestTheQuestionIsHarmless(t *testing.T) {
	for _, line := range calls.Lines() {
		var head *http.Request
		var body []byte
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			head = r
			body, _ = io.ReadAll(r.Body)
			_, _ = w.Write(remoteAuth(t, "7.4.3.112", 1))
		}))
		to := target(t, line)
		to.PathContext = "/portal"
		f := to.Ask(t.Context(), pool(t, nil, s.URL).Members()[0])
		s.Close()
		if f != nil || head.Method != http.MethodPost || head.URL.Path != "/portal/api/liferay/do" {
			t.Fatalf("%s: %+v, %+v", line, f, head)
		}
		id, err := secret.NewVerifier(secret.VerifierConfig{Keys: []*secret.Key{key(t, text)}}).Verify(head.Header.Get("Authorization"))
		if line == "6.2" && (err != nil || id.Login != readiness.Login) { // 7.x decodes it first
			t.Errorf("%s: %+v, %v", line, id, err)
		}
		call, err := liferay.Read(source.New(bytes.NewReader(body), nil, 1<<20), javaser.DefaultLimits(), nil)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if call.Method.Name != "checkRemoteStagingGroup" || call.Principal.Login != readiness.Login || call.Args[0] != int64(-1) {
			t.Errorf("%s: %+v", line, call.Call)
		}
	}
}

func TestCertificatesOfTheEngine(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(remoteAuth(t, "7.4.3.112", 1))
	}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	after := func() time.Time { return s.Certificate().NotAfter.Add(time.Hour) }
	for _, tt := range []struct {
		name    string
		c       *tls.Config
		want    readiness.Kind
		setting string
	}{
		{"known", &tls.Config{RootCAs: roots}, "", ""},
		{"unknown", &tls.Config{}, readiness.Authority, "engine.upstream.ca"},
		{"another name", &tls.Config{RootCAs: roots, ServerName: "portal.intern"}, readiness.Name, "engine.upstream.server_name"},
		{"run out", &tls.Config{RootCAs: roots, Time: after}, readiness.Expired, "engine.upstream.nodes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := target(t, "7.4").Ask(t.Context(), pool(t, tt.c, s.URL).Members()[0])
			if (f == nil) != (tt.want == "") || f != nil && (f.Kind != tt.want || f.Setting != tt.setting) {
				t.Errorf("found %+v", f)
			}
		})
	}
}

// An engine that hangs takes connections and says nothing.
func TestSilentEngine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	f := target(t, "7.4").Ask(ctx, pool(t, nil, "http://"+l.Addr().String()).Members()[0])
	if f == nil || f.Kind != readiness.Silent {
		t.Errorf("found %+v", f)
	}
}

// ticking is a clock that a test drives; it tells how long each wait is.
type ticking struct {
	waits chan time.Duration
	ticks chan time.Time
}

func (c *ticking) after(d time.Duration) <-chan time.Time {
	c.waits <- d
	return c.ticks
}

// The engine is asked once a minute, sooner while something is wrong, and never for a probe.
func TestTheEngineIsAskedRarely(t *testing.T) {
	var asked, status atomic.Int32
	status.Store(200)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if status.Load() != 200 {
			w.WriteHeader(int(status.Load()))
			return
		}
		_, _ = w.Write(remoteAuth(t, "7.4.3.112", 1))
	}))
	defer s.Close()
	var log bytes.Buffer
	clock := &ticking{make(chan time.Duration), make(chan time.Time)}
	nodes := pool(t, nil, s.URL)
	p, err := readiness.New(readiness.Config{Target: target(t, "7.4"), Pool: nodes, Every: time.Minute, Log: logger(&log), After: clock.after})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := p.Found(); known {
		t.Error("it knows before it asked")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	steps := []struct {
		status int32
		wait   time.Duration
		wrong  int
	}{
		{200, time.Minute, 0}, {404, 2 * time.Second, 1}, {404, 4 * time.Second, 1}, {404, 8 * time.Second, 1}, {404, 16 * time.Second, 1},
		{404, 32 * time.Second, 1}, {404, time.Minute, 1}, {404, time.Minute, 1}, {200, time.Minute, 0}, {503, 2 * time.Second, 1},
	}
	for i, step := range steps {
		status.Store(step.status)
		if i > 0 {
			clock.ticks <- time.Time{}
		}
		if wait := <-clock.waits; wait != step.wait {
			t.Errorf("step %d: waits %s, want %s", i, wait, step.wait)
		}
		if up, found, known := p.State(); len(up) != 1 || len(found) != step.wrong || !known {
			t.Errorf("step %d: %v, found %v", i, up, found)
		}
		for range 100 {
			if found, known := p.Found(); len(found) != step.wrong || !known {
				t.Fatalf("step %d: found %v", i, found)
			}
		}
		if up := nodes.State()[strings.TrimPrefix(s.URL, "http://")]; up != (step.wrong == 0) {
			t.Errorf("step %d: the node is up: %v", i, up)
		}
		if n := asked.Load(); n != int32(i+1) {
			t.Errorf("step %d: asked %d times", i, n)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "no publish would pass"); n != 2 { // not each time
		t.Errorf("%d lines: %s", n, log.String())
	}
	next, err := readiness.New(readiness.Config{Target: target(t, "7.4"), Pool: nodes, Every: time.Minute, Log: logger(io.Discard), Before: p})
	if err != nil {
		t.Fatal(err)
	}
	if found, known := next.Found(); len(found) != 1 || !known {
		t.Errorf("the next one begins with %v, %v", found, known)
	}
}

// While one node keeps the answer for itself, nobody says of another one, which was found wanting, that it
// cannot be reached: a node is taken out together with what was found of it.
func TestNodesAreOutWithWhatWasFound(t *testing.T) {
	let := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-let
		w.WriteHeader(http.StatusNotFound)
	}))
	defer slow.Close()
	bad := make(chan struct{}, 1)
	quick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		bad <- struct{}{}
	}))
	defer quick.Close()
	clock := &ticking{make(chan time.Duration), make(chan time.Time)}
	p, err := readiness.New(readiness.Config{Target: target(t, "7.4"), Pool: pool(t, nil, slow.URL, quick.URL), Every: time.Minute,
		Log: logger(io.Discard), After: clock.after})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done, seen := make(chan error), make(chan struct{})
	go func() { done <- p.Run(ctx) }()
	<-bad
	go func() { // at every moment
		defer close(seen)
		for {
			nodes, found, asked := p.State()
			out := 0
			for _, up := range nodes {
				if !up {
					out++
				}
			}
			if out != len(found) {
				t.Errorf("%v, found %v", nodes, found)
				return
			}
			if asked {
				return
			}
		}
	}()
	close(let)
	<-clock.waits
	<-seen
	if nodes, found, _ := p.State(); len(found) != 2 || nodes[strings.TrimPrefix(quick.URL, "http://")] {
		t.Errorf("%v, found %v", nodes, found)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Calls go to the node that would take a publish, and to any if none would.
func TestCallsGoWhereAPublishPasses(t *testing.T) {
	good, bad := answer(t, 200, remoteAuth(t, "7.4.3.112", 1)), answer(t, 404, nil)
	nodes := pool(t, nil, bad, good)
	clock := &ticking{make(chan time.Duration), make(chan time.Time)}
	p, err := readiness.New(readiness.Config{Target: target(t, "7.4"), Pool: nodes, Every: time.Minute, Log: logger(io.Discard), After: clock.after})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = p.Run(ctx) }()
	<-clock.waits
	for i := range int64(20) {
		if m := nodes.Pick(i, "", nil); m == nil || "http://"+m.Name() != good {
			t.Errorf("request %d goes to %v", i, m)
		}
	}
	nodes.Members()[1].Refuse(true)
	if nodes.Pick(1, "", nil) == nil {
		t.Error("no node is left")
	}
}

func TestProberNeedsItsParts(t *testing.T) {
	for name, c := range map[string]readiness.Config{
		"nothing": {}, "no pool": {Every: time.Minute, Log: logger(io.Discard)}, "no interval": {Pool: pool(t, nil, "http://a"), Log: logger(io.Discard)},
	} {
		if _, err := readiness.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
