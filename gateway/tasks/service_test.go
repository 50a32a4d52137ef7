package tasks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
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

// nonces knows none, or fails.
type nonces struct{ err error }

func (n *nonces) Use(context.Context, string, []byte, time.Duration) (bool, error) {
	return n.err == nil, n.err
}

func (n *nonces) PruneNonces(context.Context) (int, error) { return 0, nil }

type meter struct{}

func (meter) Call(metrics.Call) {}

// world is a service before a server that says what a test says.
type world struct {
	*tasks.Service
	visits *visit.Visits
	log    *record
	nonces *nonces
	server func(c net.Conn) // what it does with a connection
	path   string           // context under which tasks are sent
	lines  *said            // of the log
	pause  func(point string)
}

// said is the lines that were logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *said) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *said) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, `  peers:
    - { name: dev, users: [], sends: { user: dev, secret: { value: between } } }
`, nil)
}

// newWorldOf has more lines of YAML below kentico, and who keeps tasks.
func newWorldOf(t *testing.T, lines string, keeper tasks.Keeper) *world {
	t.Helper()
	quiet, log := logrus.New(), &said{}
	quiet.SetOutput(log)
	entry := logrus.NewEntry(quiet)
	cfg, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(string) ([]byte, error) {
		return []byte(`names: ["live.example.com"]
hosts: { allow: ["192.0.2.0/24"] }
engine: { profile: kentico, upstream: { nodes: ["http://127.0.0.1:1"] } }
kentico:
  name: live
  receives: { user: staging, secret: { value: behind } }
` + lines), nil
	}})
	if conf.Fatal(problems) {
		t.Fatalf("configuration: %v", problems)
	}
	rules, problems := plan.Policy(plan.Options{Conf: cfg, Log: entry})
	if conf.Fatal(problems) {
		t.Fatalf("policy: %v", problems)
	}
	t.Cleanup(rules.Engine.Pool.Close)
	policy, problems := plan.Tasks(plan.Options{Conf: cfg}, rules)
	if conf.Fatal(problems) {
		t.Fatalf("links: %v", problems)
	}
	w := &world{log: &record{}, nonces: &nonces{}, lines: log, pause: func(string) {}}
	policy.Links[0].To.Open = tasks.Gateway(forward.New(forward.Config{
		Addr: "live:80", MaxReply: 1 << 20, Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go w.server(theirs)
			return ours, nil
		},
	}), "live")
	var err error
	if w.visits, err = visit.New(visit.Config{Audit: w.log, Log: entry, Now: time.Now, Strangers: func() int { return 100 }}); err != nil {
		t.Fatal(err)
	}
	w.Service, err = tasks.New(tasks.Config{
		Visits: w.visits, Nonces: w.nonces, Meter: meter{}, Log: entry, NewID: func() string { return "id" },
		Health: func(string) (int, []byte, bool) { return 0, nil, false }, Keeper: keeper,
		Pause: func(point string) { w.pause(point) },
	}, policy)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// message is a task of dev, with rows of a table.
func message(t *testing.T, table string) string {
	t.Helper()
	secret, err := token.NewSecret("between")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := secret.Sign("dev", [16]byte{1}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const assembly = "CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9"
	row := syncserver.Row{Table: table, Columns: []syncserver.Column{{Name: "DocumentName", Value: "Home"}}}
	return string(syncserver.Request(syncserver.Envelope{MessageID: "urn:uuid:1", To: "https://live", Token: signed}, syncserver.Task{
		Type: "UpdateDocument", Servers: []string{"dev"}, Data: syncserver.Dataset{Root: "NewDataSet", Rows: []syncserver.Row{row}},
	}, assembly))
}

// send sends a message from an address and returns what its sender reads.
func (w *world) send(t *testing.T, from, message string) (*http.Response, string) {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		w.Serve(t.Context(), front.Connection{Conn: server, Socket: netip.MustParseAddrPort(from)})
	}()
	go fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: live.example.com\r\nContent-Type: text/xml; charset=utf-8\r\n"+
		"SOAPAction: \"%s\"\r\nContent-Length: %d\r\n\r\n%s", w.path+syncserver.Path, syncserver.Action, len(message), message)
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

// reasons are what was recorded, and how it ended.
func (w *world) reasons() (all []string) {
	for _, ev := range w.log.all {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s%s", ev.Verdict, ev.Reason, ev.End)))
	}
	return all
}

// TestAStoreThatIsAway: a call so small that it was read before its token was asked for was answered as one
// whose sender had gone, and nothing said that the store was away.
func TestAStoreThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.nonces.err = errors.New("connection refused")
	resp, _ := w.send(t, "192.0.2.1:1", message(t, "CMS_Document"))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Status != "503 Target not reached, nothing was changed" {
		t.Errorf("answered %s", resp.Status)
	}
	if got := w.reasons(); !slices.Equal(got, []string{"deny store.unwritable"}) {
		t.Errorf("recorded %q", got)
	}
	if !errors.Is(w.visits.Broken(), w.nonces.err) {
		t.Errorf("health says %v", w.visits.Broken())
	}
}

// TestAServerThatStalls: what began an answer and did not end it held its sender, and one of the few places
// for tasks, for ever.
func TestAServerThatStalls(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n"
	for _, tt := range []struct{ name, says string }{
		{"without a word", ""}, {"in the head", head[:20]}, {"before the body", head}, {"in the body", head + "<soap:Envelope"},
		{"after it began to wait", "HTTP/1.1 100 Continue\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.server = func(c net.Conn) {
					if tt.says != "" {
						go io.WriteString(c, tt.says)
					}
					io.Copy(io.Discard, c)
				}
				begun := time.Now()
				resp, body := w.send(t, "192.0.2.1:1", message(t, "CMS_Document"))
				if waited := time.Since(begun); waited != 165*time.Second {
					t.Errorf("answered after %s", waited)
				}
				if resp.StatusCode != http.StatusOK || !strings.Contains(body, "May have been carried out") {
					t.Errorf("answered %s: %s", resp.Status, body)
				}
				if got := w.reasons(); !slices.Equal(got, []string{"allow", "task.lost"}) {
					t.Errorf("recorded %q", got)
				}
			})
		})
	}
}

// TestATaskOfWhoWaitsNoMore is neither sent nor kept: a gateway that stood still, and woke, was late with what its sender had
// sent once more through another, and edited since.
func TestATaskOfWhoWaitsNoMore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		late  time.Duration
		kept  bool
		sent  bool
		wants []string
	}{
		{"sent on", 180 * time.Second, false, false, []string{"allow", "client.cut"}},
		{"kept", 180 * time.Second, true, false, []string{"allow", "client.cut"}},
		{"kept in time", 179 * time.Second, true, true, []string{"allow", "kept"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, w := &shelf{}, (*world)(nil)
				if tt.kept {
					w = newKept(t, s)
				} else {
					w = newWorld(t)
				}
				w.server = func(c net.Conn) {
					if n, _ := io.Copy(io.Discard, c); n > 0 {
						t.Errorf("%d bytes were sent", n)
					}
				}
				w.pause = func(point string) {
					if point == "task recorded" {
						<-time.After(tt.late) // of the bubble
					}
				}
				resp, _ := w.send(t, "192.0.2.1:1", message(t, "CMS_Document"))
				if (resp.StatusCode == http.StatusOK) != tt.sent || (len(s.kept) > 0) != tt.sent {
					t.Errorf("answered %s, %d kept", resp.Status, len(s.kept))
				}
				if got := w.reasons(); !slices.Equal(got, tt.wants) {
					t.Errorf("recorded %q", got)
				}
			})
		})
	}
}

// TestAFaultInARefusalIsAnswered: a fault while a task was refused left its sender without a word.
func TestAFaultInARefusalIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.log.fault = audit.Deny
	resp, body := w.send(t, "192.0.2.1:1", message(t, "CMS_User"))
	if resp.StatusCode != http.StatusServiceUnavailable || !resp.Close || body != "" {
		t.Errorf("%s: %s", resp.Status, body)
	}
	w.log.fault = ""
	resp, body = w.send(t, "192.0.2.1:1", message(t, "CMS_User"))
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Refused by gateway: a row of &quot;CMS_User&quot;") {
		t.Errorf("the next: %s: %s", resp.Status, body)
	}
}
