package walk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// tapped remembers what was written to a connection last.
type tapped struct {
	net.Conn
	mu   *sync.Mutex
	sent *bytes.Buffer
}

func (t *tapped) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.sent.Write(p)
	t.mu.Unlock()
	return t.Conn.Write(p)
}

// tap is a client whose calls can be sent again, byte for byte.
type tap struct {
	*publisher.Client
	mu   sync.Mutex
	sent bytes.Buffer
}

func tapping(t *testing.T, g *harness.Gateway) *tap {
	t.Helper()
	key, c := harness.NewKey(t, harness.Secret), &tap{}
	client, err := publisher.New(publisher.Config{
		URL: &url.URL{Scheme: "http", Host: "127.0.0.1"}, Build: "7.4", Login: harness.Login, Site: harness.Site, AnyBuild: true,
		Authorize: func(login string) string { return key.Authorization(login, true, false) },
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := g.Dial(ctx)
			return &tapped{Conn: conn, mu: &c.mu, sent: &c.sent}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	c.Client = client
	return c
}

// last returns the bytes of the calls since the last time.
func (c *tap) last() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := bytes.Clone(c.sent.Bytes())
	c.sent.Reset()
	return b
}

// again sends a call to a gateway as Java's client does that had no answer.
func again(t *testing.T, g *harness.Gateway, call []byte) (status int, body []byte) {
	t.Helper()
	conn, err := tls.Dial("tcp", g.Addr, g.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(call); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func lar(t *testing.T, seed uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archivetest.Generate(&b, archivetest.Options{Bytes: 100_000, Entries: 3, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// publishing keeps as many publishers at work until stop.
func publishing(t *testing.T, g *harness.Gateway, count int) (stop func() int64) {
	t.Helper()
	var done atomic.Int64
	ended := make(chan struct{})
	begun := make(chan struct{}, 1000)
	var wg sync.WaitGroup
	for i := range count {
		content, c := lar(t, uint64(i+10)), tapping(t, g)
		wg.Go(func() {
			for {
				if _, err := c.Publish(context.Background(), bytes.NewReader(content), int64(len(content))); err != nil {
					t.Errorf("publisher %d: %v", i, err)
					return
				}
				c.last()
				done.Add(1)
				select {
				case <-ended:
					return
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range count {
		select {
		case <-begun:
		case <-time.After(limit):
			t.Fatal("the publishers do not get on")
		}
	}
	return func() int64 { close(ended); wg.Wait(); return done.Load() }
}

// A backup of a gateway that publishers are using, restored: the log verifies, a call that was answered
// before is not carried out again, and publishers go on with the same certificate.
func TestBackupIsRestored(t *testing.T) {
	d, p := newDesk(t), open(t, "BACKUP.md")
	e := harness.StartEngine(t, harness.EngineOptions{Documents: "4.0.0"})
	o := harness.Options{Upstream: e.URL, Dir: d.path("data"), Extra: []string{"quota: { peer_rate: 100000/s, peer_burst: 100000 }"}}
	g := harness.Start(t, o)
	d.replace = []string{"/var/lib/stagelock", d.path("data"), "/backup", d.path("backup")}
	if err := os.Mkdir(d.path("backup"), 0o700); err != nil {
		t.Fatal(err)
	}

	stop := publishing(t, g, 8)
	c, content := tapping(t, g), lar(t, 1)
	sum := md5.Sum(content)
	ctx := t.Context()
	id, err := c.CreateStagingRequest(ctx, harness.Site, hex.EncodeToString(sum[:]))
	if err == nil {
		err = c.UpdateStagingRequest(ctx, id, "7f0e8cf2-63d3-4a4a-8c9d-6a3f7f2b8d11.zip00", bytes.NewReader(content), int64(len(content)))
	}
	c.last()
	if err == nil {
		_, err = c.PublishStagingRequest(ctx, id, publisher.DefaultSettings(harness.Site, false, nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	call := c.last()
	d.expect(0, p.command("stagelock store backup"), "Backed up ")
	d.expect(0, p.command("stagelock audit verify --data /backup"))
	d.expect(73, p.command("stagelock store backup"), "is there already")
	if n := stop(); n < 16 {
		t.Errorf("only %d publishes meanwhile", n)
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}

	d.restore(p)
	d.expect(0, p.command("stagelock audit verify --data /var/lib"))
	before := published(t, e)
	g2 := harness.Start(t, o)
	status, body := again(t, g2, call)
	if status != http.StatusOK || !bytes.HasPrefix(body, []byte("\xac\xed\x00\x05")) || bytes.Contains(body, []byte("Exception")) {
		t.Errorf("the repeat is answered %d %q", status, body)
	}
	if after := published(t, e); after != before {
		t.Errorf("the repeat was carried out: %d publishes, then %d", before, after)
	}
	g2.TLS = g.TLS // the authority that publishers trust already
	c2 := tapping(t, g2)
	if _, err := c2.Publish(ctx, bytes.NewReader(lar(t, 3)), int64(len(lar(t, 3)))); err != nil {
		t.Errorf("after the restore: %v", err)
	}
	if r := g2.Verify(t); !r.OK() {
		t.Errorf("the log of the restored gateway, record %d: %s", r.FirstBad, r.Msg)
	}
	p.complete("stagelock run --config stagelock.yaml")
}

// restore runs the lines of the page that a shell runs.
func (d *desk) restore(p *page) {
	d.t.Helper()
	for l := range strings.Lines(p.block("", "cp -a")) {
		if l = strings.TrimSpace(l); strings.HasPrefix(l, "stagelock ") {
			continue
		}
		if out, err := exec.Command("sh", "-ec", d.here(l)).CombinedOutput(); err != nil {
			d.t.Fatalf("%s: %v\n%s", l, err, out)
		}
	}
}

func published(t *testing.T, e *harness.Engine) int {
	t.Helper()
	all, err := e.Publishes(t.Context(), harness.Site)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
