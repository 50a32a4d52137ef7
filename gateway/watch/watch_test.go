package watch_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/gateway/watch"
	"github.com/stagelock/stagelock/store"
)

// book is an audit log in memory, and a meter.
type book struct {
	mu        sync.Mutex
	err       error
	events    []audit.Event
	records   map[string]int
	lost      int
	requests  map[int64]store.Request
	shared    bool
	publishes []metrics.Publish
}

func (b *book) Append(_ context.Context, ev audit.Event) (store.Seq, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	b.events = append(b.events, ev)
	return store.Seq(len(b.events)), nil
}

func (b *book) AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return b.Append(ctx, ev)
}

func (b *book) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return b.Append(ctx, ev)
}

func (b *book) Request(_ context.Context, id int64) (store.Request, error) {
	if r, ok := b.requests[id]; ok {
		return r, nil
	}
	return store.Request{}, store.ErrNotFound
}

func (b *book) Recorded(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.records == nil {
		b.records = map[string]int{}
	}
	b.records[kind]++
}

func (b *book) OutcomeLost() { b.lost++ }

func (b *book) Publish(p metrics.Publish) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.publishes = append(b.publishes, p)
}

// page is what a log has written so far.
type page struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func newRecorder(t *testing.T, b *book) (*watch.Recorder, *page) {
	t.Helper()
	var out page
	log := logrus.New()
	log.SetOutput(&out)
	log.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	r, err := watch.NewRecorder(watch.Config{Audit: b, Meter: b, Requests: b, Shared: b.shared, Log: logrus.NewEntry(log), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r, &out
}

func verdict(ref, method string, request int64) audit.Event {
	ev := audit.Event{Kind: audit.KindVerdict, Ref: ref, Verdict: audit.Allow, Peer: "staging", Login: "p@example.com",
		Addr: netip.MustParseAddr("10.1.2.3"), About: audit.About{Method: "S#" + method + "(long)", Request: request, Site: 20143}}
	if method == "updateStagingRequest" {
		ev.Part, ev.Size = "site.lar00", 1000
	}
	return ev
}

func outcome(ref, method string, request int64, end string) audit.Event {
	return audit.Event{Kind: audit.KindOutcome, Ref: ref, About: audit.About{Method: "S#" + method + "(long)", Request: request}, Ended: audit.Ended{End: end}}
}

// publish writes what a whole publish leaves in the log.
func publish(t *testing.T, r *watch.Recorder, end string) {
	t.Helper()
	for _, ev := range []audit.Event{
		verdict("c", "createStagingRequest", 0), outcome("c", "createStagingRequest", 7, "answered"),
		verdict("u", "updateStagingRequest", 7), outcome("u", "updateStagingRequest", 7, "answered"),
		verdict("p", "publishStagingRequest", 7), outcome("p", "publishStagingRequest", 7, end),
		verdict("x", "cleanUpStagingRequest", 7), outcome("x", "cleanUpStagingRequest", 7, "answered"),
	} {
		write := r.Append
		if ev.Kind == audit.KindOutcome {
			write = r.AppendSoon
		}
		if _, err := write(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
}

// One line says who published what, from where, into which site, and how it ended.
func TestOneLineForEachPublish(t *testing.T) {
	for _, tt := range []struct{ end, result, level, words, reason string }{
		{"answered", "ok", "info", "published", ""},
		{"exception com.liferay.portal.kernel.exception.PortalException", "failed", "warning", "publish failed", "detail="},
		{"engine.down", "failed", "warning", "publish failed", "reason=engine.down"},
		{"engine.lost", "unknown", "error", "nobody knows how a publish ended", "reason=engine.lost"},
	} {
		t.Run(tt.end, func(t *testing.T) {
			b := &book{}
			r, out := newRecorder(t, b)
			publish(t, r, tt.end)
			if n := strings.Count(out.String(), "\n"); n != 1 {
				t.Fatalf("%d lines: %s", n, out)
			}
			for _, want := range []string{"level=" + tt.level, tt.words, "login=p@example.com", "by=staging", "peer=10.1.2.3", "site=20143",
				"archive=site.lar", "bytes=1000", "parts=1", "took=", "result=" + tt.result, "req=p", tt.reason} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in %s", want, out)
				}
			}
			if len(b.publishes) != 1 || b.publishes[0].Result != tt.result || b.publishes[0].Peer != "staging" || b.publishes[0].Bytes != 1000 {
				t.Errorf("counted %+v", b.publishes)
			}
			if b.records["verdict"] != 4 || b.records["outcome"] != 4 {
				t.Errorf("records %v", b.records)
			}
		})
	}
}

// Text of a publisher cannot write lines of its own into the log.
func TestPublisherWritesNoLines(t *testing.T) {
	b := &book{}
	r, out := newRecorder(t, b)
	ev := verdict("c", "createStagingRequest", 0)
	ev.Login, ev.Verdict, ev.Reason = "a\nlevel=info msg=published result=ok", audit.Deny, "site.denied"
	if _, err := r.Append(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines: %s", n, out)
	}
}

// What could not be written is not counted as written, and the end of a call is noticed nevertheless.
func TestLogThatCannotBeWritten(t *testing.T) {
	b := &book{}
	r, out := newRecorder(t, b)
	for _, ev := range []audit.Event{verdict("c", "createStagingRequest", 0), outcome("c", "createStagingRequest", 7, "answered"),
		verdict("u", "updateStagingRequest", 7), outcome("u", "updateStagingRequest", 7, "answered"), verdict("p", "publishStagingRequest", 7)} {
		if _, err := r.Append(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	b.err = errors.New("disk full")
	if _, err := r.Append(t.Context(), verdict("q", "publishStagingRequest", 7)); !errors.Is(err, b.err) {
		t.Errorf("verdict: %v", err)
	}
	if _, err := r.AppendSoon(t.Context(), outcome("p", "publishStagingRequest", 7, "answered")); !errors.Is(err, b.err) {
		t.Errorf("outcome: %v", err)
	}
	if b.lost != 1 || b.records["verdict"] != 3 || b.records["outcome"] != 2 {
		t.Errorf("lost %d, records %v", b.lost, b.records)
	}
	if !strings.Contains(out.String(), "result=ok") {
		t.Errorf("log: %s", out)
	}
}

// A publish that its publisher left is told after a while.
func TestPublishThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		r, out := newRecorder(t, b)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for _, ev := range []audit.Event{verdict("c", "createStagingRequest", 0), outcome("c", "createStagingRequest", 7, "answered")} {
			if _, err := r.Append(ctx, ev); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if out.String() != "" {
			t.Errorf("too early: %s", out)
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if !strings.Contains(out.String(), "publish given up by its publisher") || len(b.publishes) != 1 || b.publishes[0].Result != "unfinished" {
			t.Errorf("log: %s, counted %v", out, b.publishes)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A certificate is told of once a day from its time on, louder at its end; one that has time is not.
func TestExpiry(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		left time.Duration
		soon time.Duration
		fail string
		want string // level
	}{
		{"two months", 60 * day, 30 * day, "", ""},
		{"29 days", 29 * day, 30 * day, "", "warning"},
		{"13 days", 13 * day, 30 * day, "", "warning"},
		{"two days", 2 * day, 30 * day, "", "error"},
		{"over", -day, 30 * day, "certificate of a ran out on 2025-12-31: put a new one there", "error"},
		{"none yet", 0, 0, "no certificate yet: open port 443", "error"},
		{"one of six days that is renewed in time", 3 * day, 36 * time.Hour, "", ""},
		{"one of six days that was not", day, 36 * time.Hour, "", "warning"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			log := logrus.New()
			log.SetOutput(&out)
			at := now
			e := watch.Expiry{Log: logrus.NewEntry(log), Now: func() time.Time { return at }, Shown: func() []status.Certificate {
				return []status.Certificate{{Name: "a", NotAfter: now.Add(tt.left), Soon: tt.soon, Problem: tt.fail}}
			}}
			lines := func() int { return strings.Count(out.String(), "\n") }
			e.Look()
			e.Look()
			at = at.Add(23 * time.Hour)
			if tt.left > 2*day || tt.fail != "" {
				e.Look()
			}
			if want := map[bool]int{true: 0, false: 1}[tt.want == ""]; lines() != want {
				t.Fatalf("%d lines, want %d: %s", lines(), want, &out)
			}
			if !strings.Contains(out.String(), tt.fail) || tt.want != "" && !strings.Contains(out.String(), "level="+tt.want) {
				t.Errorf("log: %s", &out)
			}
			if tt.want == "" {
				return
			}
			at = now.Add(25 * time.Hour)
			before := lines()
			e.Look()
			if lines() != before+1 {
				t.Errorf("a day later: %s", &out)
			}
		})
	}
}

func TestRecorderNeedsItsParts(t *testing.T) {
	if _, err := watch.NewRecorder(watch.Config{}); err == nil {
		t.Error("a recorder without a log")
	}
}

// A publish that began before a restart, or at another gateway, is told whole, and one that has come
// to nothing here is not told where another gateway may have ended it.
func TestPublishOfSeveralProcesses(t *testing.T) {
	begun := time.Now().Add(-time.Hour)
	for _, tt := range []struct {
		name   string
		shared bool
		events []audit.Event
		want   []string // of the line; none: no line
	}{
		{"after a restart", false, []audit.Event{verdict("p", "publishStagingRequest", 7), outcome("p", "publishStagingRequest", 7, "answered")},
			[]string{"result=ok", "bytes=5000", "parts=5", "took=1h0m"}},
		{"it fails after a restart", false, []audit.Event{verdict("p", "publishStagingRequest", 7), outcome("p", "publishStagingRequest", 7, "exception a.B")},
			[]string{"result=failed", "bytes=5000"}},
		{"one of its parts came here", true, []audit.Event{verdict("u", "updateStagingRequest", 7), outcome("u", "updateStagingRequest", 7, "answered"),
			verdict("x", "cleanUpStagingRequest", 7), outcome("x", "cleanUpStagingRequest", 7, "answered")}, nil},
		{"its end came here", true, []audit.Event{verdict("p", "publishStagingRequest", 7), outcome("p", "publishStagingRequest", 7, "answered")},
			[]string{"result=ok", "bytes=5000"}},
		{"a part was refused here", true, []audit.Event{verdict("u", "updateStagingRequest", 7), outcome("u", "updateStagingRequest", 7, "part.size"),
			verdict("x", "cleanUpStagingRequest", 7), outcome("x", "cleanUpStagingRequest", 7, "answered")}, []string{"result=failed", "reason=part.size"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{shared: tt.shared, requests: map[int64]store.Request{7: {ID: 7, CreatedAt: begun, PartCount: 5, PartBytes: 5000}}}
			r, out := newRecorder(t, b)
			for _, ev := range tt.events {
				if _, err := r.Append(t.Context(), ev); err != nil {
					t.Fatal(err)
				}
			}
			if (out.String() == "") != (tt.want == nil) || len(b.publishes) != min(1, len(tt.want)) {
				t.Errorf("log %q, counted %v", out, b.publishes)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in %s", want, out)
				}
			}
		})
	}
}

func TestMachine(t *testing.T) {
	dir := t.TempDir()
	if d := watch.Disk(dir); d.Path != dir || d.Size > 0 && (d.Free <= 0 || d.Free > d.Size) {
		t.Errorf("%+v", d)
	}
	if d := watch.Disk(dir + "/nothing"); d.Size != 0 {
		t.Errorf("a folder that is not there: %+v", d)
	}
	if n := watch.OpenFiles(); n == 1 {
		t.Errorf("%d", n)
	}
}

// crowd is what a store knows of gateways.
type crowd struct {
	members
	mu  sync.Mutex
	all []store.Member
	err error
}

func (c *crowd) Members(context.Context) ([]store.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all, c.err
}

// members does what nobody asks for here.
type members struct{}

func (members) Join(context.Context, store.Member, time.Duration) (t time.Time, err error)  { return }
func (members) Renew(context.Context, store.Member, time.Duration) (t time.Time, err error) { return }
func (members) Leave(context.Context, string) error                                         { return nil }

func TestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{all: []store.Member{{Node: "a", State: store.MemberUp}, {Node: "b", State: store.MemberUp}, {Node: "c", State: store.MemberDraining},
			{Node: "c", State: store.MemberUp, Over: true}}}
		n := watch.Neighbours{Members: c}
		if got := n.States(); len(got) != 0 {
			t.Errorf("before it was asked: %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		synctest.Wait()
		if got := n.States(); got[string(store.MemberUp)] != 2 || got[string(store.MemberDraining)] != 1 || len(got) != 2 {
			t.Errorf("states %v", got)
		}
		c.mu.Lock()
		c.err = errors.New("the database is away")
		c.mu.Unlock()
		<-time.After(11 * time.Second)
		synctest.Wait()
		if got := n.States(); len(got) != 0 {
			t.Errorf("while nobody answers: %v", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
