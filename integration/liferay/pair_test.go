package liferay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// asGateway is the variable that makes this test binary a gateway; it names a configuration.
const asGateway = "STAGELOCK_INTEROP_GATEWAY"

func TestMain(m *testing.M) {
	if file := os.Getenv(asGateway); file != "" {
		fmt.Fprintln(os.Stderr, harness.Serve(file, nil, nil))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// member is one gateway of a pair: a process, with a way to the engine that nobody else has.
type member struct {
	file string
	*harness.Process
}

func (m *member) start() (err error) {
	m.Process, err = harness.StartProcess(asGateway + "=" + m.file)
	return err
}

// strike is where in a call the gateway that forwards it is killed, once. It returns what was not as its
// name says.
type strike struct {
	name, method string
	at           func(next http.Handler, w http.ResponseWriter, r *http.Request, kill func() error) error
}

var strikes = []strike{
	{"in the middle of a part", "updateStagingRequest", halfway},
	{"before the publish is carried out", "publishStagingRequest", received},
	{"before the publish is answered", "publishStagingRequest", answered},
}

// halfway kills when the engine has the first bytes of the body; the rest never comes.
func halfway(next http.Handler, w http.ResponseWriter, r *http.Request, kill func() error) error {
	err := kill()
	part, cut := io.ReadAll(r.Body)
	if cut == nil {
		err = errors.Join(err, errors.New("the engine has the whole part"))
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(part), iotest.ErrReader(cut)))
	next.ServeHTTP(w, r)
	return err
}

// received kills when the engine has the whole call, which it carries out then.
func received(next http.Handler, w http.ResponseWriter, r *http.Request, kill func() error) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	err = kill()
	r.Body = io.NopCloser(bytes.NewReader(body))
	next.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	return err
}

// answered kills when the call was carried out, before its answer leaves the engine.
func answered(next http.Handler, _ http.ResponseWriter, r *http.Request, kill func() error) error {
	next.ServeHTTP(httptest.NewRecorder(), r)
	return kill()
}

// pair is two gateways that share a database, HAProxy in front of them and one engine behind.
type pair struct {
	engine  *harness.Engine
	members []*member
	haproxy *harness.HAProxy
	dir     string

	mu    sync.Mutex // guards what follows
	armed *strike
	fell  *member // the one that was killed
	fault error   // of a strike
}

// begun reads a call as far as its method's name, or its first 16 KiB, and leaves it whole. The name in a
// part's call stands behind the content: a part is known by its length.
func begun(r *http.Request) string {
	var head []byte
	for step := make([]byte, 256); len(head) < 16<<10 && !strings.Contains(string(head), "StagingRequest"); {
		n, err := r.Body.Read(step)
		if head = append(head, step[:n]...); err != nil {
			break
		}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(string(head)), r.Body), r.Body}
	return string(head)
}

// behind is the engine as one gateway reaches it.
func (p *pair) behind(m *member, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := begun(r)
		p.mu.Lock()
		s := p.armed
		if s == nil || !strings.Contains(head, s.method) && (s.method != "updateStagingRequest" || r.ContentLength < 500_000) {
			s = nil
		} else {
			p.armed, p.fell = nil, m
		}
		process := m.Process
		p.mu.Unlock()
		if s == nil {
			next.ServeHTTP(w, r)
			return
		}
		err := s.at(next, w, r, func() error { return p.haproxy.While(process.Kill) })
		p.mu.Lock()
		p.fault = errors.Join(p.fault, err)
		p.mu.Unlock()
	})
}

const pairHost = "live.example.com"

func newPair(t *testing.T, r release) *pair {
	t.Helper()
	haproxy, err := harness.Find("haproxy")
	if err != nil {
		missing(t, "HAProxy is not installed: apt-get install haproxy")
	}
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p := &pair{engine: liveEngine(t), dir: t.TempDir()}
	key := filepath.Join(p.dir, "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gate-a", "gate-b"} {
		p.join(t, r, name, []string{"drain: 30s", "store: postgres", "cluster:", "  node: " + name, "  key_file: " + key, "  lease: 3s",
			"  drain_notice: 10ms", "  postgres: { url: { value: " + fmt.Sprintf("%q", db.URL()) + " } }"})
	}
	p.front(t, haproxy)
	return p
}

// join adds a gateway, whose port stays the same over its starts.
func (p *pair) join(t *testing.T, r release, name string, cluster []string) {
	t.Helper()
	m := &member{file: filepath.Join(p.dir, name+".yaml")}
	s := httptest.NewServer(p.behind(m, p.engine.Handler()))
	t.Cleanup(s.Close)
	o := options(r, secrets[0], s.URL)
	o.Names, o.Allow = `["`+pairHost+`", "127.0.0.1"]`, `["127.0.0.0/8"]`
	o.Hosts, o.Extra = []string{`proxy_protocol: ["127.0.0.1"]`}, append(cluster, pace...)
	text := o.YAML(filepath.Join(p.dir, name))
	err := os.WriteFile(m.file, []byte(strings.Replace(text, "127.0.0.1:0", ports.Free(t), 1)), 0o600)
	if err = errors.Join(err, m.start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Kill() })
	p.members = append(p.members, m)
}

// authority is the file of the authority that both gateways' certificates come from.
func (p *pair) authority() string { return filepath.Join(p.dir, "gate-a", "tls", "ca.pem") }

// front runs HAProxy with the configuration of the page of balancers, but for names and addresses.
func (p *pair) front(t *testing.T, program string) {
	t.Helper()
	p.haproxy = harness.StartHAProxy(t, program, "../balancers/haproxy-cluster.cfg", "/etc/haproxy/stagelock-ca.pem", p.authority(),
		"10.0.0.1:8443", p.members[0].Addr, "10.0.0.2:8443", p.members[1].Addr)
}

// rounds is how often a gateway is killed at each place.
const rounds = 2

// TestInteropPair has the vendor's own client publish through HAProxy over two gateways that share a
// database, while the gateway that has the call is killed. The engine's ledger has no part and no publish
// twice, what was told to have succeeded is there once, and a failure is told in words.
func TestInteropPair(t *testing.T) {
	needJVM(t)
	const name = "7.4.3.112"
	build(t, name)
	r := release{name: name, line: "7.4"}
	p, source := newPair(t, r), liveEngine(t)
	article := fill(t, source, p.engine)
	type ready struct {
		OK bool `json:"ok"`
	}
	c, up := launch[ready](t, r, "Publisher", with(secrets[0].settings(), fields{
		"baseURL": "https://" + p.haproxy.Addr + outside, "login": harness.Login, "trustPEM": p.authority(),
	}))
	if !up.OK {
		t.Fatal("the client does not start")
	}
	lar, err := source.Export(t.Context(), site, engine.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !p.publish(t, c, fields{"name": "enable", "file": lar.Path, "screenName": nickname, "group": site}) {
		t.Fatal("staging is not switched on")
	}
	for _, s := range strikes {
		t.Run(s.name, func(t *testing.T) {
			went, told := 0, 0
			for i := range rounds {
				rewrite(t, source, article, fmt.Sprint(s.name, i, much(t)))
				lar, err := source.Export(t.Context(), site, engine.ExportOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if p.round(t, c, s, lar.Path) {
					went++
				} else {
					told++
				}
			}
			t.Logf("%d publishes went on, %d were told why they did not and were made again", went, told)
		})
	}
}

// much is text that compresses badly: a part that no buffers on its way hold.
func much(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(randomFile(t, 1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", b)
}

// round publishes while a gateway is killed, and again if that was told to have failed.
func (p *pair) round(t *testing.T, c *program, s strike, lar string) (first bool) {
	t.Helper()
	p.haproxy.Await(t, len(p.members))
	p.mu.Lock()
	p.armed, p.fell = &s, nil
	p.mu.Unlock()
	command := fields{"name": "publish pages", "file": lar, "screenName": nickname, "group": site}
	first = p.publish(t, c, command)
	p.mu.Lock()
	fell, fault := p.fell, p.fault
	p.mu.Unlock()
	if fell == nil || fault != nil {
		t.Fatalf("the gateway that was killed: %v, %v", fell, fault)
	}
	for try, done := 0, first; !done; try++ { // by way of the gateway that is left
		if try == 5 {
			t.Fatal("the publish does not succeed without a kill either")
		}
		done = p.publish(t, c, command)
	}
	if err := fell.start(); err != nil {
		t.Fatal(err)
	}
	return first
}

// publish makes a publish and compares what its caller was told with the ledger.
func (p *pair) publish(t *testing.T, c *program, command fields) bool {
	t.Helper()
	before, err := p.engine.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := do[driven](c, "flow", command)
	said, ok := map[string]int{}, d.OK && d.Failure == nil
	for _, call := range d.Calls {
		if call.OK {
			said[call.Call]++
			continue
		}
		ok = false
		t.Logf("%s: %v", call.Call, call.Exception)
		if !strings.Contains(call.Exception.text(), "the call may have been carried out") {
			t.Errorf("%s failed, and its caller was not told what is known: %v", call.Call, call.Exception)
		}
	}
	all, err := p.engine.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	times, did := map[string]int{}, map[string]int{}
	for _, x := range all[len(before):] {
		row := fmt.Sprint(x.Method, " ", x.Request, " ", x.Digest)
		if times[row]++; times[row] > 1 && (x.Method == "publishStagingRequest" || x.Method == "updateStagingRequest") {
			t.Errorf("%s was carried out %d times", row, times[row])
		}
		if x.Outcome == engine.OK {
			did[x.Method]++
		}
	}
	for _, method := range []string{"publishStagingRequest", "updateStagingRequest"} {
		if did[method] < said[method] || did[method] > said[method]+1 || ok && did[method] != said[method] {
			t.Errorf("%s: the client was told of %d, the engine carried out %d", method, said[method], did[method])
		}
	}
	return ok
}
