package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// http2 returns a client that speaks HTTP/2 with the gateway.
func http2(t *testing.T, g *harness.Gateway) *http.Client {
	t.Helper()
	cfg := g.TLS.Clone()
	tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: limit}
}

// Requests over HTTP/2 take the same admission, audit and counters as every other: the tunnel is not
// to be had there, and who asks for it is written down.
func TestHTTP2RequestsAreVisits(t *testing.T) {
	for _, tt := range []struct {
		name, allow string
		status      int
		reason      string
	}{
		{"an allowed host", `["127.0.0.1"]`, http.StatusNotFound, "path.unknown"},
		{"a stranger", `["127.0.0.2"]`, http.StatusForbidden, "host.denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := listed
			o.Allow = tt.allow
			a := arrange(t, o)
			client := http2(t, a.Gateway)
			for range 3 {
				resp, err := client.Post("https://"+a.Addr+tunnelTarget, serialized, strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				ref := resp.Header.Get("X-Stagelock-Reference")
				if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != tt.status || !strings.Contains(string(text), ref) {
					t.Errorf("%s %s: %q, %v", resp.Proto, resp.Status, text, err)
				}
				if ev := verdict(t, a.Gateway, ref); ev.Verdict != audit.Deny || string(ev.Reason) != tt.reason {
					t.Errorf("verdict %s, reason %s", ev.Verdict, ev.Reason)
				}
			}
			if n := a.Node.Health().Refusals[tt.reason]; n != 3 {
				t.Errorf("%d refusals were counted, want 3", n)
			}
			resp, err := client.Get("https://" + a.Addr + "/healthz") // of this machine
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("health: %s", resp.Status)
			}
			if n := len(a.sink.Calls()); n != 0 {
				t.Errorf("%d calls reached the engine", n)
			}
		})
	}
}

// A flood over HTTP/2 is charged and counted like any other, and does not fill the log.
func TestAFloodOverHTTP2IsCounted(t *testing.T) {
	o := listed
	o.Extra = []string{"quota: { per_address_rate: 1/m, per_address_burst: 10, failure_cost: 1 }"}
	a := arrange(t, o)
	client := http2(t, a.Gateway)
	const flood = 30
	for range flood {
		resp, err := client.Get("https://" + a.Addr + "/x")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("answered %s", resp.Status)
		}
	}
	if n := a.Node.Health().Refusals["path.unknown"]; n != flood {
		t.Errorf("%d refusals were counted, want %d", n, flood)
	}
	if n := len(a.verdicts(t)); n == 0 || n > 10 {
		t.Errorf("%d of %d are records of their own", n, flood)
	}
}

// Parts without content are judged whole, beside parts that stream: the parts under way must not be
// read without their lock.
func TestEmptyPartsBesideStreamingParts(t *testing.T) {
	o := listed
	o.Extra = unhurried
	a := arrange(t, o)
	id := a.made(t, 1)
	var all sync.WaitGroup
	for c := range 16 {
		l := dial(t, a.Gateway)
		all.Go(func() {
			for i := range 40 {
				m := part(id, fmt.Sprintf("a.zip%04d", c*40+i), 0).message(t)
				if (i+c)%2 == 0 {
					m = streamsOf(part(id, fmt.Sprintf("a.zip%04d", c*40+i), 900))(t, a)
				}
				if got := l.call(t, m); got.status != http.StatusOK || strings.Contains(string(got.body), "Exception") {
					t.Errorf("answered %d %q", got.status, got.body)
				}
			}
		})
	}
	all.Wait()
	if n := a.executed("updateStagingRequest"); n != 16*40 {
		t.Errorf("%d parts arrived, want %d", n, 16*40)
	}
}

// A repeat can overtake its original: the original is read, but slow to be claimed; its duplicate is
// carried out and answered, and its publisher moves on. Then the original goes on.
func TestARepeatOvertakesItsOriginal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave bool // the original's client is gone by then
		moved bool // its publisher has cleaned up by then
	}{
		{"the client waits", false, false}, {"the client waits, and moved on elsewhere", false, true},
		{"the client is gone", true, false}, {"the client is gone and moved on", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var held atomic.Bool
			reached, goOn := make(chan struct{}), make(chan struct{})
			o := listed
			o.Pause = func(point string) {
				if point == "envelope validated" && held.CompareAndSwap(true, false) {
					close(reached)
					<-goOn
				}
			}
			s := slowly(t, o)
			id := s.made(t, 1)
			m := publish(id, settings(int64(site))).message(t)
			for range 4 {
				s.let <- struct{}{}
			}
			original, repeat := dial(t, s.Gateway), dial(t, s.Gateway)
			held.Store(true)
			original.send(t, m)
			<-reached
			if tt.leave {
				original.reset(t)
			}
			one := repeat.call(t, m)
			allowed(t, s.Gateway, one)
			if tt.moved {
				allowed(t, s.Gateway, repeat.call(t, cleanUp(id).message(t)))
				allowed(t, s.Gateway, repeat.call(t, create(site, 1).message(t)))
			}
			known := len(s.verdicts(t))
			close(goOn)
			if tt.leave {
				s.awaitVerdict(t, known)
			} else {
				replayed(t, s.arranged, original.receive(t), one)
			}
			if n := s.executed(publishing); n != 1 {
				t.Errorf("%d publishes were carried out, want 1", n)
			}
		})
	}
}

// A call whose client gave up before its tail left is abandoned.
func TestACallOfAClientThatIsGoneIsAbandoned(t *testing.T) {
	var held atomic.Bool
	reached, goOn := make(chan struct{}), make(chan struct{})
	o := listed
	o.Pause = func(point string) {
		if point == "envelope validated" && held.CompareAndSwap(true, false) {
			close(reached)
			<-goOn
		}
	}
	s := slowly(t, o)
	m := publish(s.made(t, 1), settings(int64(site))).message(t)
	l := dial(t, s.Gateway)
	held.Store(true)
	l.send(t, m)
	<-reached
	l.reset(t)
	known := len(s.verdicts(t))
	close(goOn)
	if ev := s.awaitVerdict(t, known); ev.Verdict != audit.Deny || ev.Reason != "client.cut" {
		t.Errorf("verdict %s, reason %s", ev.Verdict, ev.Reason)
	}
	s.let <- struct{}{}
	allowed(t, s.Gateway, once(t, s.Gateway, m)) // its repeat is carried out, and not told anything else
	if n := s.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
}

// A live portal that imports answers its home page late. The publish goes on, and what follows it
// passes: a refused clean-up would make a failed publish of it.
func TestAnEngineThatIsBusyIsNotDead(t *testing.T) {
	sink := harness.NewSink(t)
	quick := liveEngine(t)
	going, let := make(chan struct{}, 1), make(chan struct{})
	var busy atomic.Bool
	probed := make(chan struct{}, 64)
	sink.Answer = func(body []byte) []byte {
		if strings.Contains(string(body), publishing) {
			busy.Store(true)
			going <- struct{}{}
			<-let
			busy.Store(false)
		}
		return quick(body)
	}
	sink.Probe = func() {
		if busy.Load() {
			select {
			case probed <- struct{}{}:
			default:
			}
			<-let
		}
	}
	o := listed
	o.Health = "{ interval: 100ms, timeout: 10ms, failures: 3 }"
	a := arrangeTo(t, o, sink)
	id := a.made(t, 1)
	l := dial(t, a.Gateway)
	l.send(t, publish(id, settings(int64(site))).message(t))
	<-going
	for range 6 { // twice as many probes in a row as take a node out
		select {
		case <-probed:
		case <-time.After(limit):
			t.Fatal("no probe came")
		}
	}
	if up := a.Node.Health().Nodes[strings.TrimPrefix(sink.URL, "http://")]; !up {
		t.Error("the only node is said to be down while it imports")
	}
	other := dial(t, a.Gateway)
	allowed(t, a.Gateway, other.call(t, checkSite(site).message(t)))
	close(let)
	allowed(t, a.Gateway, l.receive(t))
	allowed(t, a.Gateway, l.call(t, cleanUp(id).message(t)))
}

// What the gateway answers itself needs no engine.
func TestAnswersOfTheGatewayNeedNoEngine(t *testing.T) {
	sink := harness.NewSink(t)
	url := sink.URL
	o := listed
	o.Upstream = url[:strings.LastIndexByte(url, ':')] + ":1" // nobody is there
	g := harness.Start(t, o)
	got := once(t, g, cleanUp(777).message(t))
	if got.status != http.StatusOK || len(got.body) > 0 && got.thrown(t) != nil {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	if got := once(t, g, checkSite(site).message(t)); got.status != http.StatusServiceUnavailable {
		t.Errorf("with no engine there: answered %d %q", got.status, got.body)
	}
	want{status: http.StatusServiceUnavailable, reason: "engine.down"}.denied(t, g, once(t, g, checkSite(site).message(t)))
}

// Strangers do not fill the disk: beyond a budget their refusals are counted, and summed up by reason.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	o := listed
	o.Allow, o.Extra = `["127.0.0.2"]`, []string{"audit: { strangers: 2 }"}
	a := arrange(t, o)
	const flood = 40
	for range flood {
		if got := once(t, a.Gateway, checkSite(site).message(t)); got.status != http.StatusForbidden {
			t.Fatalf("answered %d", got.status)
		}
	}
	if n := a.Node.Health().Refusals["host.denied"]; n != flood {
		t.Errorf("%d refusals were counted, want %d", n, flood)
	}
	recorded := len(a.verdicts(t))
	if recorded == 0 || recorded >= flood {
		t.Errorf("%d of %d are records of their own", recorded, flood)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d more refusals", flood-recorded)
	ev := a.awaitOne(t, func(ev audit.Event) bool { return ev.Kind == audit.KindSummary })
	if string(ev.Reason) != "host.denied" || !strings.HasPrefix(ev.Detail, want) {
		t.Errorf("summed up as %s: %s, want %s", ev.Reason, ev.Detail, want)
	}
}
