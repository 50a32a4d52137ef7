package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/relay"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store/files"
)

// kills is how often the gateway is killed at each point.
var kills = flag.Int("kills", 10, "how often the gateway is killed at each point")

const (
	killParts  = 12
	killBuffer = 1000
)

// guarded are the calls that must not be carried out twice.
var guarded = map[string]bool{
	"updateStagingRequest": true, "publishStagingRequest": true, "enableStaging": true, "disableStaging": true,
}

// carried is a call that the engine carried out.
type carried struct {
	engine.Execution
	from string // source address of the publisher's run
	ref  string // of the gateway
}

// witness stands in front of the engine and notes for which call of the gateway each execution was.
type witness struct {
	engine *harness.Engine

	mu     sync.Mutex // one call at a time, so that new rows of the ledger are this call's
	rows   []carried
	faults []error
}

func (w *witness) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(rw, r)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		defer w.note(r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Stagelock-Reference"))
		next.ServeHTTP(rw, r)
	})
}

// note adds what the ledger has got since. The caller holds mu.
func (w *witness) note(from, ref string) {
	var last int64
	if n := len(w.rows); n > 0 {
		last = w.rows[n-1].Seq
	}
	added, err := w.engine.LedgerAfter(context.Background(), last)
	if err != nil {
		w.faults = append(w.faults, err)
		return
	}
	for _, x := range added {
		w.rows = append(w.rows, carried{x, from, ref})
	}
}

func (w *witness) seen(t testing.TB) []carried {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.faults...); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(w.rows)
}

// told is a call that was answered with success.
type told struct{ from, method, ref string }

// crash is one engine, and one data folder of the gateways that die in front of it.
type crash struct {
	witness
	key   *secret.Key
	lars  map[string][]byte // that were published, by MD5
	dir   string
	file  string // configuration, once the port is known
	addr  string
	roots *x509.CertPool
	runs  int
	done  []told

	restarts []time.Duration // from the start of a process to its first answer
	child    *harness.Process
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{key: harness.NewKey(t, harness.Secret), dir: t.TempDir(), lars: map[string][]byte{}}
	c.engine = harness.StartEngine(t, harness.EngineOptions{Documents: "4.0.0", Before: c.before})
	options := harness.Options{Upstream: c.engine.URL, Context: "/live", Allow: `["127.0.0.0/8"]`, Extra: unhurried}
	c.addr = ports.Free(t)
	c.file = writeConfig(t, options, c.dir, c.addr)
	first, err := startChild(errand{File: c.file})
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(first.CA)
	if err != nil {
		t.Fatal(err)
	}
	c.roots = x509.NewCertPool()
	c.roots.AppendCertsFromPEM(pem)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.child != nil {
			if err := c.child.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

// launch starts the gateway and returns it; point and hit say where it dies.
func (c *crash) launch(point string, hit int64) (*harness.Process, error) {
	p, err := startChild(errand{File: c.file, Point: point, Hit: hit})
	if err != nil {
		return nil, err
	}
	c.child = p
	return p, nil
}

// answering waits for the first answer of a process.
func (c *crash) answering(p *harness.Process) error {
	d := tls.Dialer{Config: c.tls()}
	conn, err := d.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", c.addr); err != nil {
		return err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return err
	}
	c.restarts = append(c.restarts, time.Since(p.Start))
	return nil
}

func (c *crash) tls() *tls.Config {
	return &tls.Config{RootCAs: c.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// client returns a publisher with a source address of its own, which the engine is told.
func (c *crash) client(closes bool) *javaClient {
	c.runs++
	return &javaClient{addr: c.addr, host: c.addr, target: "/live/api/liferay/do", tls: c.tls(), key: c.key,
		login: harness.Login, from: net.IPv4(127, 1, byte(c.runs>>8), byte(c.runs)), closes: closes, repeat: func() {}}
}

// export returns an archive of killParts parts, another one each time.
func (c *crash) export(t *testing.T) []byte {
	t.Helper()
	lar := generate(t, archivetest.Options{Bytes: killParts*killBuffer - 1600, Entries: 1, Seed: uint64(len(c.lars))})
	if n := (len(lar) + killBuffer - 1) / killBuffer; n != killParts {
		t.Fatalf("an archive of %d bytes makes %d parts, want %d", len(lar), n, killParts)
	}
	d, err := parts.Digest(t.Context(), bytes.NewReader(lar))
	if err != nil {
		t.Fatal(err)
	}
	c.lars[d.MD5] = lar
	return lar
}

// session attaches a staging site, publishes and detaches it, and keeps which calls succeeded.
func (c *crash) session(ctx context.Context, j *javaClient, lar []byte) error {
	defer j.close()
	j.succeeded = func(name string) { c.done = append(c.done, told{j.from.String(), name, j.refs[len(j.refs)-1]}) }
	if _, err := j.do(ctx, "enableStaging", int64(harness.Site)); err != nil {
		return err
	}
	if err := j.publish(ctx, lar, killBuffer); err != nil {
		return err
	}
	_, err := j.do(ctx, "disableStaging", int64(harness.Site))
	return err
}

// again is a session after one that failed. What is known of an enabling that may have been carried
// out is told to its repeats; detaching the site stands between the two, or was what failed.
func (c *crash) again(ctx context.Context, detach, j *javaClient, lar []byte) error {
	defer detach.close()
	detach.succeeded = func(string) {}
	var told *wireError
	if _, err := detach.do(ctx, "disableStaging", int64(harness.Site)); err != nil && !errors.As(err, &told) {
		return err
	}
	return c.session(ctx, j, lar)
}

// sessionCalls is how many calls a session makes: enable, check, create, parts, publish, clean up,
// disable.
const sessionCalls = killParts + 6

// hits is how often a session reaches a point.
func hits(point string, closes bool) int {
	switch {
	case point == "content forwarded":
		return killParts
	case point == "accepted" && !closes:
		return 1
	}
	return sessionCalls
}

// manner is what a publisher is like.
type manner struct {
	again    bool // its repeat meets the process that follows; else it gives up
	closes   bool // a connection for each call
	exported bool // it exports anew before it publishes again
}

// kill has the gateway die at the point's hit within a session, has it restarted, and publishes
// until that succeeds.
func (c *crash) kill(t *testing.T, point string, hit int, how manner) {
	t.Helper()
	lar := c.export(t)
	doomed, err := c.launch(point, int64(hit))
	if err != nil {
		t.Fatal(err)
	}
	restarted := make(chan error, 1)
	up := make(chan struct{})
	go func() {
		<-doomed.Ended
		p, err := c.launch("", 0)
		if err == nil {
			err = c.answering(p)
		}
		restarted <- err
		close(up)
	}()
	j := c.client(how.closes)
	if how.again { // the client's repeat meets the next process
		j.repeat = func() { <-up }
	}
	first := c.session(t.Context(), j, lar)
	select {
	case err := <-restarted:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("hit %d was not reached, the publish ended with %v", hit, first)
	}
	definite(t, first, how.again)
	if how.exported {
		lar = c.export(t)
	}
	c.finish(t, first, lar)
	if err := c.child.Stop(); err != nil {
		t.Fatal(err)
	}
	c.child = nil
	c.check(t)
}

// definite fails unless a failed publish was told why. Without a repeat, a client sees its
// connection close.
func definite(t *testing.T, err error, again bool) {
	t.Helper()
	var told *wireError
	switch {
	case err == nil, errors.As(err, &told), !again && errors.Is(err, errUnanswered):
	default:
		t.Errorf("the publisher was not told what happened: %v", err)
	}
}

// finish publishes anew until it succeeds. Until the clean-up that ends a publish, what is left of
// the first stands in the way of another one of the same bytes.
func (c *crash) finish(t *testing.T, first error, lar []byte) {
	t.Helper()
	for try := 0; ; try++ {
		err := c.again(t.Context(), c.client(false), c.client(false), lar)
		if err == nil {
			return
		}
		text := err.Error()
		leftover := strings.Contains(text, "may have been carried out") || strings.Contains(text, "DuplicateFileEntry")
		if try == 2 || first == nil || !leftover {
			t.Fatalf("publish %d after the restart: %v (the first ended with %v)", try+1, err, first)
		}
	}
}

// check holds the engine's ledger against the audit log and what publishers were told.
func (c *crash) check(t *testing.T) {
	t.Helper()
	r, err := harness.VerifyLog(c.dir)
	if err != nil || !r.OK() {
		t.Errorf("audit log: record %d: %s, %v", r.FirstBad, r.Msg, err)
	}
	c.compare(t, c.verdicts(t))
}

// compare holds the engine's ledger against the verdicts, by reference, and what publishers were told.
func (c *crash) compare(t *testing.T, verdicts map[string]audit.Verdict) {
	t.Helper()
	times, succeeded := map[string]int{}, map[told]bool{}
	for _, x := range c.seen(t) {
		if verdicts[x.ref] != audit.Allow {
			t.Errorf("%s was carried out without a verdict (reference %q)", x.Method, x.ref)
		}
		logical := x.Method + " of run " + x.from + " with " + x.Digest
		if times[logical]++; guarded[x.Method] && times[logical] > 1 {
			t.Errorf("%s was carried out %d times", logical, times[logical])
		}
		succeeded[told{x.from, x.Method, x.ref}] = x.Outcome == engine.OK
	}
	for _, d := range c.done {
		if guarded[d.method] && !succeeded[d] && verdicts[d.ref] != audit.Answer {
			t.Errorf("run %s was told that %s succeeded, it was not carried out (reference %q)", d.from, d.method, d.ref)
		}
	}
}

// verdicts returns the verdicts of the log by reference.
func (c *crash) verdicts(t *testing.T) map[string]audit.Verdict {
	t.Helper()
	log, err := files.Open(files.Config{Dir: filepath.Join(c.dir, "audit"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	refs := map[string]audit.Verdict{}
	err = audit.List(t.Context(), log, audit.Filter{}, func(ev audit.Event) error {
		if ev.Kind == audit.KindVerdict {
			refs[ev.Ref] = ev.Verdict
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// spread returns a hit for kill i of n, the first and the last of all hits among them.
func spread(i, n, hits int) int { return 1 + i*(hits-1)/max(1, n-1) }

// arrived compares everything that was published with its archive.
func (c *crash) arrived(t *testing.T, least int) {
	t.Helper()
	publishes, err := c.engine.Publishes(t.Context(), harness.Site)
	if err != nil || len(publishes) < least {
		t.Fatalf("%d publishes arrived, %v", len(publishes), err)
	}
	for _, p := range publishes {
		compareArrived(t, c.engine.Engine, p.ID, c.lars[p.Checksum])
	}
}

// The gateway is killed at each point of a call's way, in every call of a publish. Half of the
// publishers repeat their POST at the process that follows, the others publish anew.
func TestKill(t *testing.T) {
	for _, point := range relay.Points() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			c := newCrash(t)
			for i := range *kills {
				how := manner{again: i%2 == 0, closes: i%3 == 0 || point == "accepted", exported: i%4 < 2}
				hit := spread(i, *kills, hits(point, how.closes))
				c.kill(t, point, hit, how)
				if t.Failed() {
					t.Fatalf("kill %d, at hit %d, publisher %+v", i+1, hit, how)
				}
			}
			c.arrived(t, *kills)
			slices.Sort(c.restarts)
			t.Logf("%d kills, %d calls carried out, restart to first answer: median %v, longest %v", *kills,
				len(c.seen(t)), c.restarts[len(c.restarts)/2].Round(time.Millisecond),
				c.restarts[len(c.restarts)-1].Round(time.Millisecond))
		})
	}
}
