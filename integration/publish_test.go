package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// larFiles returns the real archives, exported by build 6011.
func larFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../archive/testdata/lar/*.lar")
	if err != nil || len(files) != 12 {
		t.Fatalf("real archives: found %d, want 12 (%v)", len(files), err)
	}
	return files
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// watch counts how often a needle arrives at what stands behind it.
type watch struct {
	needle []byte
	calls  atomic.Int64
	seen   atomic.Int64
}

func (w *watch) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.calls.Add(1)
			r.Body = &watched{ReadCloser: r.Body, w: w}
		}
		next.ServeHTTP(rw, r)
	})
}

// watched is a body that is looked through while it is read.
type watched struct {
	io.ReadCloser
	w    *watch
	tail []byte // the end of what came before, shorter than the needle
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	window := append(b.tail, p[:n]...)
	b.w.seen.Add(int64(bytes.Count(window, b.w.needle)))
	b.tail = append([]byte{}, window[max(0, len(window)-len(b.w.needle)+1):]...)
	return n, err
}

// environment is an engine behind its gateway.
type environment struct {
	engine  *harness.Engine
	gateway *harness.Gateway
	hash    watch // whether the stored password arrives
}

// generated makes an engine take generated archives.
var generated = harness.EngineOptions{Documents: "4.0.0"}

// newEnvironment starts an engine in /portal behind a gateway in /live, each with a secret of its
// own.
func newEnvironment(t testing.TB, o harness.EngineOptions) *environment {
	t.Helper()
	const inner = "0123456789abcdef0123456789abcdef"
	v := &environment{hash: watch{needle: []byte(storedHash)}}
	o.Context, o.Key, o.Before = "/portal", harness.NewKey(t, inner), v.hash.before
	v.engine = harness.StartEngine(t, o)
	v.gateway = harness.Start(t, harness.Options{
		Upstream: v.engine.URL, Inside: "/portal", Context: "/live", Engine: inner, Sites: `["20121"]`, Extra: unhurried,
	})
	return v
}

// unhurried are limits that many small parts from one address do not reach.
var unhurried = []string{
	"quota:", "  per_address_rate: 100000/s", "  per_address_burst: 100000", "  peer_rate: 100000/s",
	"  peer_burst: 100000", "  calls_per_peer: 128",
	"requests: { abandoned: 1ms }", // who publishes again after a failure does not wait
}

func (v *environment) client(t testing.TB, buffer int64, login string) *publisher.Client {
	t.Helper()
	u, err := url.Parse(v.gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	key := harness.NewKey(t, harness.Secret)
	c, err := publisher.New(publisher.Config{AnyBuild: true,
		URL: u, Build: "7.4", Login: login, Site: harness.Site, Buffer: buffer, Roots: v.gateway.TLS.RootCAs,
		Authorize: func(login string) string { return key.Authorization(login, false, false) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// publish sends lar and fails unless its content arrived.
func (v *environment) publish(t testing.TB, lar []byte, buffer int64) {
	t.Helper()
	res, err := v.client(t, buffer, harness.Login).Publish(t.Context(), bytes.NewReader(lar), int64(len(lar)))
	if err != nil || res.CleanUp != nil {
		t.Fatalf("publish: %v, clean-up: %v", err, res.CleanUp)
	}
	compareArrived(t, v.engine.Engine, v.last(t).ID, lar)
}

// last returns the newest publish.
func (v *environment) last(t testing.TB) engine.Publish {
	t.Helper()
	all, err := v.engine.Publishes(t.Context(), harness.Site)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d publishes arrived, %v", len(all), err)
	}
	last := all[0]
	for _, p := range all {
		if p.ID > last.ID {
			last = p
		}
	}
	return last
}

// audited fails unless the log is whole and has an allowing verdict and an outcome for everything
// that was carried out.
func (v *environment) audited(t testing.TB) {
	t.Helper()
	if r := v.gateway.Verify(t); !r.OK() {
		t.Errorf("audit log, record %d: %s", r.FirstBad, r.Msg)
	}
	ledger, err := v.engine.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	allowed := 0
	for _, ev := range v.gateway.Events(t) {
		switch {
		case ev.Kind == audit.KindVerdict && ev.Verdict == audit.Allow:
			allowed++
		case ev.Kind == audit.KindVerdict:
			t.Errorf("verdict %s: %s", ev.Verdict, ev.Detail)
		}
	}
	if allowed != len(ledger) || allowed == 0 {
		t.Errorf("%d calls were carried out, %d allowed", len(ledger), allowed)
	}
}

func read(t testing.TB, open func() (io.ReadCloser, error)) []byte {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compareArrived fails unless a publish brought exactly the files of the archive, byte for byte.
func compareArrived(t testing.TB, e *engine.Engine, publish int64, lar []byte) {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(lar), int64(len(lar)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := e.Entries(t.Context(), publish)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, it := range arrived {
		got[it.Path] = read(t, func() (io.ReadCloser, error) { return e.Open(t.Context(), it) })
	}
	files := 0
	for _, f := range a.Entries() {
		if f.Dir {
			continue
		}
		files++
		want := read(t, func() (io.ReadCloser, error) { return a.Open(f) })
		if b, found := got[f.Name]; !found || !bytes.Equal(b, want) {
			t.Errorf("%s: %d bytes arrived (%t), the archive has %d", f.Name, len(b), found, len(want))
		}
	}
	if files != len(got) || files == 0 {
		t.Errorf("%d files arrived, the archive has %d", len(got), files)
	}
}

func generate(t testing.TB, o archivetest.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archivetest.Generate(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every real archive is published through TLS, the gateway's whole pipeline and the engine.
func TestPublishRealArchives(t *testing.T) {
	v := newEnvironment(t, harness.EngineOptions{})
	for _, file := range larFiles(t) {
		lar := readFile(t, file)
		for name, buffer := range map[string]int64{"one part": 0, "parts of 1000 bytes": 1000} {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) { v.publish(t, lar, buffer) })
		}
	}
	if left, err := v.engine.StagingRequests(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d requests left, %v", len(left), err)
	}
	v.audited(t)
}

func TestPublishLargeArchive(t *testing.T) {
	v := newEnvironment(t, generated)
	lar := generate(t, archivetest.Options{Bytes: 25 << 20, Entries: 9, Seed: 1})
	v.publish(t, lar, 0)
	v.publish(t, lar, 1<<20)
	v.audited(t)
}

// What is changed on live goes back to staging in the same way.
func TestPublishBothWays(t *testing.T) {
	toLive, toStaging := newEnvironment(t, harness.EngineOptions{}), newEnvironment(t, harness.EngineOptions{})
	lar := readFile(t, "../archive/testdata/lar/community-a5fc79.lar")
	toLive.publish(t, lar, 1000)
	if _, err := toLive.engine.AddPage(t.Context(), harness.Site, "Changed", "on live", engine.PageOptions{}); err != nil {
		t.Fatal(err)
	}
	back, err := toLive.engine.Export(t.Context(), harness.Site, engine.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	toStaging.publish(t, readFile(t, back.Path), 1000)
	items, err := toStaging.engine.List(t.Context(), harness.Site)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, it := range items {
		found = found || it.Name == "Changed"
	}
	if !found {
		t.Error("the page that was made on live is not on staging")
	}
	toLive.audited(t)
	toStaging.audited(t)
}

func TestTwoPublishersAtOnce(t *testing.T) {
	const other = "editor@example.com"
	v := newEnvironment(t, harness.EngineOptions{Documents: "4.0.0", Logins: []string{other}})
	lars := map[string][]byte{
		harness.Login: generate(t, archivetest.Options{Bytes: 40 << 10, Entries: 3, Seed: 1}),
		other:         generate(t, archivetest.Options{Bytes: 50 << 10, Entries: 4, Seed: 2}),
	}
	var all sync.WaitGroup
	for login, lar := range lars {
		c := v.client(t, 1000, login)
		all.Go(func() {
			res, err := c.Publish(t.Context(), bytes.NewReader(lar), int64(len(lar)))
			if err != nil || res.CleanUp != nil {
				t.Errorf("%s: publish: %v, clean-up: %v", login, err, res.CleanUp)
			}
		})
	}
	all.Wait()
	publishes, err := v.engine.Publishes(t.Context(), harness.Site)
	if err != nil || len(publishes) != len(lars) {
		t.Fatalf("%d publishes arrived, %v", len(publishes), err)
	}
	for _, p := range publishes {
		compareArrived(t, v.engine.Engine, p.ID, lars[p.Login])
	}
	v.audited(t)
}

// The password hash that a principal carries is of no use to live and never arrives there, in no
// call of a publish.
func TestStoredPasswordNeverArrives(t *testing.T) {
	v := newEnvironment(t, harness.EngineOptions{})
	j := newJavaClient(v.gateway, v.gateway.Key(t))
	defer j.close()
	lar := readFile(t, "../archive/testdata/lar/community-a5fc79.lar")
	if err := j.publish(t.Context(), lar, 1000); err != nil {
		t.Fatal(err)
	}
	compareArrived(t, v.engine.Engine, v.last(t).ID, lar)
	if n, calls := v.hash.seen.Load(), v.hash.calls.Load(); n != 0 || calls < 5 {
		t.Errorf("the stored password arrived %d times in %d calls", n, calls)
	}
	v.audited(t)

	// The tee sees it where no gateway takes it out.
	bare := &watch{needle: []byte(storedHash)}
	e := harness.StartEngine(t, harness.EngineOptions{Before: bare.before})
	key := harness.NewKey(t, harness.Secret)
	body, err := j.part(1, "a00", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	post(t, e.URL, key, body)
	if bare.seen.Load() == 0 {
		t.Error("the tee does not see the stored password")
	}
}

func post(t testing.TB, url string, key *secret.Key, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/liferay/do", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", key.Authorization(harness.Login, true, false))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
