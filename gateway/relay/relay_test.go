package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

// record is an audit log that a test reads; verdicts that it is told to fail at are a fault.
type record struct {
	mu    sync.Mutex
	all   []audit.Event
	fault audit.Verdict
}

func (r *record) Append(_ context.Context, ev audit.Event) (store.Seq, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ev.Kind == audit.KindVerdict && ev.Verdict == r.fault {
		panic("the log is at fault")
	}
	r.all = append(r.all, ev)
	return store.Seq(len(r.all)), nil
}

func (r *record) AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.Append(ctx, ev)
}

func (r *record) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.Append(ctx, ev)
}

type life struct{ id string }

func (l life) Owner() (id, node string) { return l.id, "gate" }
func (l life) Holds() bool              { return true }

// meter counts nothing.
type meter struct{}

func (meter) Call(metrics.Call) {}

// world is a relay with a store of its own and no engine behind it.
type world struct {
	*relay.Relay
	visits *visit.Visits
	log    *record
}

func newWorld(t *testing.T) *world {
	t.Helper()
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	entry := logrus.NewEntry(quiet)
	cfg, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(string) ([]byte, error) {
		return []byte(`names: ["live.example.com"]
hosts: { allow: ["192.0.2.0/24"] }
engine: { upstream: { nodes: ["http://127.0.0.1:1"] } }
peers:
  - { name: staging, sites: [any], secret: { value: "0123456789abcdef" } }
`), nil
	}})
	if conf.Fatal(problems) {
		t.Fatalf("configuration: %v", problems)
	}
	policy, problems := plan.Policy(plan.Options{Conf: cfg, Log: entry})
	if conf.Fatal(problems) {
		t.Fatalf("policy: %v", problems)
	}
	t.Cleanup(policy.Engine.Pool.Close)
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{log: &record{}}
	if w.visits, err = visit.New(visit.Config{Audit: w.log, Log: entry, Now: time.Now, Strangers: func() int { return 100 }}); err != nil {
		t.Fatal(err)
	}
	calls, err := once.New(once.Config{Repeats: db.Repeats(), Owner: life{uuid.NewString()}, Now: time.Now,
		Keep: func() time.Duration { return time.Minute }})
	if err != nil {
		t.Fatal(err)
	}
	known, err := memory.New(memory.Config{Requests: db.Requests(), Pages: db.Pages(), Values: db.Values(), Leases: db.Leases(),
		Nonces: db.Nonces()})
	if err != nil {
		t.Fatal(err)
	}
	w.Relay, err = relay.New(relay.Config{Visits: w.visits, Once: calls, Memory: known, Log: entry, Meter: meter{}, Sights: sights.New(db.Values()),
		Health: func(string) (int, []byte, bool) { return 0, nil, false }}, policy)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask sends one request from an address and returns what its client reads.
func (w *world) ask(t *testing.T, from, request string) (*http.Response, string) {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		w.Serve(t.Context(), front.Connection{Conn: server, Socket: netip.MustParseAddrPort(from)})
	}()
	if err := client.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	<-served
	w.visits.Wait()
	return resp, string(body)
}

const head = "POST %s HTTP/1.1\r\nHost: live.example.com\r\nContent-Length: 0\r\n\r\n"

func TestARefusalIsAnsweredAndRecorded(t *testing.T) {
	for _, tt := range []struct {
		name, from, path string
		status           int
		reason           string
	}{
		{"no credentials", "192.0.2.1:1", "/api/liferay/do", 200, "secret.absent"},
		{"a stranger", "198.51.100.1:1", "/api/liferay/do", 403, "host.denied"},
		{"another path", "192.0.2.1:1", "/c/portal", 404, "path.unknown"},
		{"another spelling", "192.0.2.1:1", "//api/liferay/do", 404, "path.noncanonical"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			resp, body := w.ask(t, tt.from, fmt.Sprintf(head, tt.path))
			ref := resp.Header.Get("X-Stagelock-Reference")
			if resp.StatusCode != tt.status || ref == "" || !strings.Contains(body, ref) {
				t.Errorf("%v %q", resp, body)
			}
			if len(w.log.all) != 1 || string(w.log.all[0].Reason) != tt.reason || w.log.all[0].Ref != ref {
				t.Errorf("recorded %+v", w.log.all)
			}
		})
	}
}

// TestAFaultInARefusalIsAnswered: a fault while a call was refused left its client without a word, so that
// Java's sent it again.
func TestAFaultInARefusalIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.log.fault = audit.Deny
	resp, body := w.ask(t, "192.0.2.1:1", fmt.Sprintf(head, "/api/liferay/do"))
	if resp.StatusCode != http.StatusServiceUnavailable || !resp.Close || !strings.Contains(body, "the gateway failed") {
		t.Errorf("%v %q", resp, body)
	}
	w.log.fault = ""
	if resp, _ := w.ask(t, "192.0.2.1:1", fmt.Sprintf(head, "/api/liferay/do")); resp.StatusCode != http.StatusOK {
		t.Errorf("the next call: %v", resp)
	}
}
