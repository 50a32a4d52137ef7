package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/integration/ports"
)

// desk is a Server that runs, and what it is asked.
type desk struct {
	*admin.Server
	now     atomic.Pointer[status.Status]
	rules   atomic.Pointer[admin.Rules]
	reloads atomic.Int64
	refuse  atomic.Bool
	inside  func() // called in a reload
	asker   atomic.Pointer[admin.Asker]
	log     bytes.Buffer
}

func (d *desk) reload(_ context.Context, by admin.Asker) admin.Reloaded {
	d.reloads.Add(1)
	d.asker.Store(&by)
	if d.inside != nil {
		d.inside()
	}
	if d.refuse.Load() {
		return admin.Reloaded{Message: "refused", Problems: []admin.Problem{{File: "f", Line: 3, Path: "listen", Message: "is bad", Cure: "mend it"}}}
	}
	return admin.Reloaded{OK: true, Message: "the configuration is in use", Changed: []string{"drain"}}
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{}
	d.now.Store(&status.Status{Ready: true, Version: "1", Store: status.Store{Kind: "embedded", Up: true},
		Config: status.Config{OK: true}, Audit: status.Audit{Whole: true}})
	d.rules.Store(&admin.Rules{Names: []string{"live.example.com", "gate-a.example.com:9464"}})
	log := logrus.New()
	log.SetOutput(&d.log)
	s, err := admin.New(admin.Config{
		Status: func() status.Status { return *d.now.Load() }, Reload: d.reload, Rules: func() admin.Rules { return *d.rules.Load() },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "numbers") }),
		Log:     logrus.NewEntry(log),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Server = s
	return d
}

// run serves at addresses until the test ends.
func (d *desk) run(t *testing.T, at ...admin.Address) {
	t.Helper()
	d.use(t, at...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (d *desk) use(t *testing.T, at ...admin.Address) {
	t.Helper()
	c, err := d.Bind(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
}

func loopback() admin.Address { return admin.Address{Network: "tcp", Name: "127.0.0.1:0"} }

// socketAt is a socket with a short name, as systems want them.
func socketAt(t *testing.T) admin.Address {
	t.Helper()
	return admin.Address{Network: "unix", Name: filepath.Join(ports.Folder(t), "admin.sock")}
}

// answer is what came of a request.
type answer struct {
	code int
	body string
	head http.Header
}

// ask sends one request over TCP, with the Host and fields that it is given.
func (d *desk) ask(t *testing.T, method, path string, fields map[string]string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.Addrs()[0]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, string(body), res.Header}
}

func TestPaths(t *testing.T) {
	d := newDesk(t)
	d.run(t, loopback())
	for _, tt := range []struct {
		name, method, path string
		code               int
		body               string
	}{
		{"index", "GET", "/", 200, "POST /-/reload"},
		{"alive", "GET", "/healthz", 200, "healthy"},
		{"alive, as Prometheus has it", "GET", "/-/healthy", 200, "healthy"},
		{"ready", "GET", "/readyz", 200, "ok    ready        publishes can pass"},
		{"ready, as Prometheus has it", "GET", "/-/ready", 200, "ok    store"},
		{"ready for a script", "GET", "/readyz?json", 200, `"facts":[{"id":"ready","mark":"ok"`},
		{"head", "HEAD", "/readyz", 200, ""},
		{"metrics", "GET", "/metrics", 200, "numbers"},
		{"status", "GET", "/-/status", 200, `"version":"1"`},
		{"reload", "POST", "/-/reload", 200, `{"ok":true,"message":"the configuration is in use","changed":["drain"]}`},
		{"reload by GET", "GET", "/-/reload", 405, "Method Not Allowed"},
		{"metrics by POST", "POST", "/metrics", 405, "Method Not Allowed"},
		{"nothing", "GET", "/console", 404, "not found"},
		{"another path by dots", "GET", "/x/../metrics", 307, ""},
		{"profiles are off", "GET", "/debug/pprof/", 403, "by the socket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := d.ask(t, tt.method, tt.path, nil)
			if got.code != tt.code || !strings.Contains(got.body, tt.body) {
				t.Errorf("%d %s, want %d %s", got.code, got.body, tt.code, tt.body)
			}
			if got.head.Get("X-Content-Type-Options") != "nosniff" || got.head.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", got.head)
			}
		})
	}
}

func TestNotReadyIsSaid(t *testing.T) {
	d := newDesk(t)
	d.run(t, loopback())
	d.now.Store(&status.Status{Problems: []string{"no node of the live engine can be reached; start it"},
		Engine: []status.Engine{{Name: "127.0.0.1:8080"}}, Store: status.Store{Up: true, Kind: "embedded"}, Config: status.Config{OK: true}})
	got := d.ask(t, "GET", "/readyz", nil)
	if got.code != 503 || !strings.HasPrefix(got.body, "bad   ready        no node of the live engine") || !strings.Contains(got.body, "warn  engine       127.0.0.1:8080 is down") {
		t.Errorf("%d %s", got.code, got.body)
	}
	got = d.ask(t, "GET", "/readyz", map[string]string{"Accept": "application/json"})
	var r admin.Readiness
	if err := json.Unmarshal([]byte(got.body), &r); err != nil || got.code != 503 || r.Ready || len(r.Problems) != 1 || len(r.Facts) < 3 {
		t.Errorf("%d %s: %v", got.code, got.body, err)
	}
	if got := d.ask(t, "GET", "/healthz", nil); got.code != 200 {
		t.Errorf("it runs, and says %d", got.code)
	}
}

// A page in a browser of this machine reads nothing and changes nothing, whatever its name leads to.
func TestWebPagesAreKeptOut(t *testing.T) {
	d := newDesk(t)
	d.run(t, loopback())
	for _, tt := range []struct {
		name, method, path string
		fields             map[string]string
		code               int
	}{
		{"a name that was made to lead here", "GET", "/metrics", map[string]string{"Host": "evil.example.net"}, 421},
		{"with a port", "GET", "/-/status", map[string]string{"Host": "evil.example.net:9464"}, 421},
		{"one that ends like ours", "GET", "/metrics", map[string]string{"Host": "xlive.example.com"}, 421},
		{"one that begins like ours", "GET", "/metrics", map[string]string{"Host": "live.example.com.evil.net"}, 421},
		{"with a user", "GET", "/metrics", map[string]string{"Host": "127.0.0.1@evil.net"}, 421},
		{"localhost", "GET", "/metrics", map[string]string{"Host": "localhost:1"}, 200},
		{"localhost with a dot", "GET", "/metrics", map[string]string{"Host": "LOCALHOST."}, 200},
		{"an IPv6 address", "GET", "/metrics", map[string]string{"Host": "[::1]:9464"}, 200},
		{"a name of the gateway", "GET", "/metrics", map[string]string{"Host": "Live.Example.com:9464"}, 200},
		{"a name of the admin listener", "GET", "/metrics", map[string]string{"Host": "gate-a.example.com"}, 200},
		{"a form of another site", "POST", "/-/reload", map[string]string{"Origin": "https://evil.example.net"}, 403},
		{"a form without an origin", "POST", "/-/reload", map[string]string{"Origin": "null"}, 403},
		{"what a browser says of itself", "POST", "/-/reload", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"of a neighbour's name", "POST", "/-/reload", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"through a proxy of this machine", "POST", "/-/reload", map[string]string{"X-Forwarded-For": "198.51.100.7"}, 403},
		{"through another one", "POST", "/-/reload", map[string]string{"Forwarded": "for=198.51.100.7"}, 403},
		{"through one that says so", "POST", "/-/reload", map[string]string{"Via": "1.1 proxy"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := d.reloads.Load()
			got := d.ask(t, tt.method, tt.path, tt.fields)
			if got.code != tt.code {
				t.Errorf("%d %s, want %d", got.code, got.body, tt.code)
			}
			if d.reloads.Load() != before {
				t.Error("it was reloaded")
			}
			if tt.code != 200 && strings.Contains(got.body, "numbers") {
				t.Error("the numbers were told")
			}
			if got.head.Get("Access-Control-Allow-Origin") != "" {
				t.Error("another site may read")
			}
		})
	}
}

func TestReloadThatIsRefused(t *testing.T) {
	d := newDesk(t)
	d.refuse.Store(true)
	d.run(t, loopback())
	got := d.ask(t, "POST", "/-/reload", nil)
	if got.code != 422 || !strings.Contains(got.body, `"ok":false`) || !strings.Contains(got.body, `{"file":"f","line":3,"path":"listen","message":"is bad","cure":"mend it"}`) {
		t.Errorf("%d %s", got.code, got.body)
	}
}

// Who is not on this machine reads if he is listed, and changes nothing.
func TestOtherMachines(t *testing.T) {
	other := otherAddress(t)
	d := newDesk(t)
	d.run(t, admin.Address{Network: "tcp", Name: netip.AddrPortFrom(other, 0).String()})
	if got := d.ask(t, "GET", "/metrics", nil); got.code != 403 || !strings.Contains(got.body, "admin.allow") {
		t.Errorf("nobody is listed: %d %s", got.code, got.body)
	}
	d.rules.Store(&admin.Rules{Allowed: func(a netip.Addr) bool { return a == other }, Profiles: true})
	if got := d.ask(t, "GET", "/metrics", nil); got.code != 200 || got.body != "numbers" {
		t.Errorf("listed: %d %s", got.code, got.body)
	}
	for method, path := range map[string]string{"POST": "/-/reload", "GET": "/debug/pprof/heap"} {
		if got := d.ask(t, method, path, nil); got.code != 403 {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
	if d.reloads.Load() != 0 {
		t.Error("it was reloaded")
	}
}

// otherAddress is one of this machine that is not a loopback one, so that its connections look as if
// they came from elsewhere.
func otherAddress(t *testing.T) netip.Addr {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr()
		}
	}
	t.Skip("this machine has no other address than the loopback one")
	return netip.Addr{}
}

func TestProfiles(t *testing.T) {
	d := newDesk(t)
	d.rules.Store(&admin.Rules{Profiles: true})
	d.run(t, loopback())
	if got := d.ask(t, "GET", "/debug/pprof/goroutine?debug=1", nil); got.code != 200 || !strings.Contains(got.body, "goroutine profile") {
		t.Errorf("%d %.100s", got.code, got.body)
	}
	// the command line may have settings on it
	if got := d.ask(t, "GET", "/debug/pprof/cmdline", nil); got.code != 404 || strings.Contains(got.body, os.Args[0]) {
		t.Errorf("%d %.100s", got.code, got.body)
	}
}

func TestSocket(t *testing.T) {
	d := newDesk(t)
	at := socketAt(t)
	d.run(t, at)
	info, err := os.Stat(at.Name)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(at.Name))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	c := admin.NewClient(at)
	s, err := c.Status(t.Context())
	if err != nil || s.Version != "1" || !s.Ready {
		t.Errorf("%+v %v", s, err)
	}
	r, err := c.Reload(t.Context())
	if err != nil || !r.OK || d.reloads.Load() != 1 {
		t.Errorf("%+v %v", r, err)
	}
	d.refuse.Store(true)
	if r, err = c.Reload(t.Context()); err != nil || r.OK || len(r.Problems) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if got := d.Addrs(); len(got) != 1 || got[0] != "unix:"+at.Name {
		t.Errorf("addresses %v", got)
	}
}

// TestAReloadSaysWhoAsks: over TCP the address, by a socket the user and the process at its other end.
func TestAReloadSaysWhoAsks(t *testing.T) {
	d := newDesk(t)
	at := socketAt(t)
	d.run(t, at, admin.Address{Network: "tcp", Name: "127.0.0.1:0"})
	if _, err := admin.NewClient(at).Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	by := d.asker.Load()
	got, own := by.String(), fmt.Sprintf("uid %d", os.Getuid())
	if by.Addr.IsValid() || by.Socket != at.Name {
		t.Errorf("by a socket: %+v", by)
	}
	if runtime.GOOS == "linux" && (!strings.HasPrefix(got, own) || !strings.Contains(got, fmt.Sprintf("process %d,", os.Getpid()))) ||
		!strings.HasSuffix(got, "unix:"+at.Name) {
		t.Errorf("by a socket: %q", got)
	}
	if me, err := user.Current(); err == nil && runtime.GOOS == "linux" && !strings.Contains(got, "("+me.Username+")") {
		t.Errorf("by a socket: %q does not name %s", got, me.Username)
	}
	res, err := http.Post("http://"+d.Addrs()[1]+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	by = d.asker.Load()
	if by.Socket != "" || by.Addr.Addr() != netip.MustParseAddr("127.0.0.1") || by.Addr.Port() == 0 || by.String() != by.Addr.String() {
		t.Errorf("over TCP: %+v", by)
	}
}

// What is in the way of a socket.
func TestSocketInTheWay(t *testing.T) {
	t.Run("one of a gateway that was killed", func(t *testing.T) {
		at := socketAt(t)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at.Name, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		d := newDesk(t)
		d.run(t, at)
		if _, err := admin.NewClient(at).Status(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one that is answered at", func(t *testing.T) {
		at := socketAt(t)
		first := newDesk(t)
		first.run(t, at)
		if _, err := newDesk(t).Bind(t.Context(), []admin.Address{at}, nil); err == nil || !strings.Contains(err.Error(), "another process answers") {
			t.Errorf("%v", err)
		}
		if _, err := admin.NewClient(at).Status(t.Context()); err != nil {
			t.Errorf("the first one is gone: %v", err)
		}
	})
	t.Run("a file", func(t *testing.T) {
		at := socketAt(t)
		if err := os.WriteFile(at.Name, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newDesk(t).Bind(t.Context(), []admin.Address{at}, nil); err == nil || !strings.Contains(err.Error(), "no socket") {
			t.Errorf("%v", err)
		}
		if b, err := os.ReadFile(at.Name); err != nil || string(b) != "precious" {
			t.Errorf("the file has %q, %v", b, err)
		}
	})
	t.Run("too long a path", func(t *testing.T) {
		at := socketAt(t)
		at.Name = filepath.Join(filepath.Dir(at.Name), strings.Repeat("x", 90), "admin.sock")
		if err := os.MkdirAll(filepath.Dir(at.Name), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := newDesk(t).Bind(t.Context(), []admin.Address{at}, nil); err == nil || !strings.Contains(err.Error(), "shorter path") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a group that nobody knows", func(t *testing.T) {
		at := socketAt(t)
		at.Group = "no-such-group-here"
		if _, err := newDesk(t).Bind(t.Context(), []admin.Address{at}, nil); err == nil {
			t.Error("bound")
		}
		if _, err := os.Lstat(at.Name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a socket was left: %v", err)
		}
	})
}

func TestClientSaysWhyNot(t *testing.T) {
	at := socketAt(t)
	if _, err := admin.NewClient(at).Status(t.Context()); !errors.Is(err, admin.ErrNobody) {
		t.Errorf("no file: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at.Name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := admin.NewClient(at).Status(t.Context()); !errors.Is(err, admin.ErrNobody) {
		t.Errorf("nobody behind it: %v", err)
	}
	d := newDesk(t)
	d.run(t, loopback())
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.NotFoundHandler()}
	go func() { _ = srv.Serve(foreign) }()
	t.Cleanup(func() { _ = srv.Close() })
	_, err = admin.NewClient(admin.Address{Network: "tcp", Name: foreign.Addr().String()}).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "status 404") {
		t.Errorf("something else: %v", err)
	}
}

// An address that others have does not keep the gateway from its work, unless somebody wrote it down.
func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := admin.Address{Network: "tcp", Name: l.Addr().String()}
	d := newDesk(t)
	if _, err := d.Bind(t.Context(), []admin.Address{loopback(), taken}, nil); err == nil || !strings.Contains(err.Error(), "cannot listen on "+taken.Name) {
		t.Errorf("%v", err)
	}
	if got := d.Addrs(); len(got) != 0 {
		t.Errorf("listens on %v", got)
	}
	taken.Spare = true
	d.run(t, taken, loopback())
	if got := d.Addrs(); len(got) != 1 || got[0] == taken.Name {
		t.Errorf("listens on %v", got)
	}
	if !strings.Contains(d.log.String(), "runs without its admin listener at "+taken.Name) {
		t.Errorf("log: %s", d.log.String())
	}
}

// A change of address loses no request: the one that asks for it is answered, and so is one that was
// under way at the address that goes.
func TestAddressChangesUnderARequest(t *testing.T) {
	d := newDesk(t)
	first, second := socketAt(t), socketAt(t)
	d.inside = func() { d.use(t, second) }
	d.run(t, first)
	r, err := admin.NewClient(first).Reload(t.Context())
	if err != nil || !r.OK {
		t.Fatalf("the reload that moves the listener: %+v %v", r, err)
	}
	d.inside = nil
	if _, err := admin.NewClient(second).Status(t.Context()); err != nil {
		t.Errorf("the new address: %v", err)
	}
	if _, err := admin.NewClient(first).Status(t.Context()); !errors.Is(err, admin.ErrNobody) {
		t.Errorf("the old address: %v", err)
	}
	d.use(t, second, loopback())
	d.use(t, loopback(), second) // what stays is not bound again
	if got := d.Addrs(); len(got) != 2 || got[1] != "unix:"+second.Name {
		t.Errorf("listens on %v", got)
	}
	d.use(t)
	if _, err := admin.NewClient(second).Status(t.Context()); !errors.Is(err, admin.ErrNobody) {
		t.Errorf("the listener is off: %v", err)
	}
}

// A socket that another group gets is there all the time, and its file is the new one's.
func TestSocketOfAnotherGroup(t *testing.T) {
	g, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Skip("the group of this user has no name")
	}
	d := newDesk(t)
	at := socketAt(t)
	d.run(t, at)
	at.Group = g.Name
	d.use(t, at)
	if _, err := admin.NewClient(at).Status(t.Context()); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(at.Name)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", info, err)
	}
	at.Group = ""
	d.use(t, at)
	if info, err = os.Stat(at.Name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// A socket of the service manager is the one of its address; one that nobody wants is a mistake.
func TestHandedOverListener(t *testing.T) {
	d := newDesk(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := d.Bind(t.Context(), []admin.Address{loopback()}, []net.Listener{l}); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v", err)
	}
	at := admin.Address{Network: "tcp", Name: l.Addr().String()}
	c, err := d.Bind(t.Context(), []admin.Address{at}, []net.Listener{l})
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
	if got := d.Addrs(); len(got) != 1 || got[0] != at.Name {
		t.Errorf("listens on %v", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// A change that is not wanted after all leaves nothing.
func TestDiscard(t *testing.T) {
	d := newDesk(t)
	at := socketAt(t)
	c, err := d.Bind(t.Context(), []admin.Address{at, loopback()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Discard(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(at.Name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket was left: %v", err)
	}
	if got := d.Addrs(); len(got) != 0 {
		t.Errorf("listens on %v", got)
	}
}

// TestADiscardedChangeKeepsTheSocket: a reload that gave the socket to another group and was refused for
// something else took the file of the socket in use along.
func TestADiscardedChangeKeepsTheSocket(t *testing.T) {
	g, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Skip("the group of this user has no name")
	}
	d := newDesk(t)
	at := socketAt(t)
	d.run(t, at)
	other := at
	other.Group = g.Name
	c, err := d.Bind(t.Context(), []admin.Address{other}, nil)
	if err != nil {
		t.Fatal(err)
	}
	still := func(when string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := admin.NewClient(at).Status(ctx); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if info, err := os.Stat(at.Name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", when, info, err)
		}
	}
	still("before the change is used")
	if err := c.Discard(); err != nil {
		t.Error(err)
	}
	still("after it was not")
	if left, err := os.ReadDir(filepath.Dir(at.Name)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestAChangeAfterTheEndLeavesNothing: a reload may end after the gateway has.
func TestAChangeAfterTheEndLeavesNothing(t *testing.T) {
	d := newDesk(t)
	at := socketAt(t)
	c, err := d.Bind(t.Context(), []admin.Address{at}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	c.Commit()
	if _, err := os.Lstat(at.Name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket was left: %v", err)
	}
	if got := d.Addrs(); len(got) != 0 {
		t.Errorf("listens on %v", got)
	}
}
