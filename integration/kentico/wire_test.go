package kentico_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// gate is a gateway before a twin.
type gate struct {
	*harness.Gateway
	twin   *twin
	client *http.Client
}

// options are those of a gateway before w, with lines of kentico.peers.
func options(t *testing.T, w *twin, name string, peers ...string) harness.Options {
	t.Helper()
	lines := []string{
		"name: " + name, `receives: { user: staging, secret: { value: "of ` + w.Name + `" } }`,
		"sends: { user: own, secret: { value: own password } }", "peers:",
	}
	return harness.Options{
		Upstream: w.URL, Inner: []string{"ca: " + w.ca(t)}, Kentico: append(lines, peers...),
	}
}

func start(t *testing.T, w *twin, o harness.Options) *gate {
	t.Helper()
	g := harness.Start(t, o)
	return &gate{g, w, trusting(g.TLS.RootCAs)}
}

// dev is the peer of most tests, which sends.
const dev = `  - { name: dev, users: [], sends: { user: dev, secret: { value: dev password } } }`

func (g *gate) target(path string) *target {
	return &target{Code: "stagelock", URL: g.URL + path, User: "dev", Password: "dev password", Client: g.client}
}

const home = "<NewDataSet><CMS_Document><DocumentGUID>1</DocumentGUID><DocumentName>Home &amp; garden</DocumentName></CMS_Document></NewDataSet>"

// verdicts are the verdicts of a gateway's log.
func (g *gate) verdicts(t *testing.T) (all []audit.Event) {
	t.Helper()
	for _, ev := range g.Events(t) {
		if ev.Kind == audit.KindVerdict {
			all = append(all, ev)
		}
	}
	return all
}

func TestATaskGoesThrough(t *testing.T) {
	live := newTwin(t, "live")
	g := start(t, live, options(t, live, "live", dev))
	status, reason, body := g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
	if got := said(status, reason, body); got != "" {
		t.Fatalf("%d %s: %s", status, reason, body)
	}
	calls := live.calls()
	if len(calls) != 1 || live.page("1") != "Home & garden" || calls[0].Servers != ";dev;stagelock;" || calls[0].User != "editor" {
		t.Fatalf("%+v", calls)
	}
	if host := strings.TrimPrefix(live.URL, "https://"); calls[0].Host != host || strings.Contains(calls[0].Body, "SecurityToken-1") {
		t.Errorf("host %s, body %s", calls[0].Host, calls[0].Body)
	}
	v := g.verdicts(t)
	if len(v) != 1 || v[0].Verdict != audit.Allow || v[0].Peer != "dev" || v[0].Fields["name"] != "Home & garden" ||
		v[0].MethodName() != "UpdateDocument" || len(v[0].Fields["sha256"]) != 64 {
		t.Errorf("verdicts %+v", v)
	}
}

// TestWhatTheServerSays comes to the sender, written anew.
func TestWhatTheServerSays(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter) bool
		want   string // the reference left out
		end    string
	}{
		{"why not", func(w http.ResponseWriter) bool { result(w, "no <parent>"); return true }, "no <parent>", "failed"},
		{"a fault", func(w http.ResponseWriter) bool { fault(w, "Server was unable"); return true }, "Server was unable", "failed"},
		{"a page", func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusNotFound); return true }, "May have been carried out", "task.reply"},
		{"a redirect", func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
			return true
		}, "May have been carried out", "task.reply"},
		{"nothing", func(w http.ResponseWriter) bool { panic(http.ErrAbortHandler) }, "May have been carried out", "task.lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			live := newTwin(t, "live")
			live.answer = tt.answer
			g := start(t, live, options(t, live, "live", dev))
			status, reason, body := g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
			got := said(status, reason, body)
			if bare, _, _ := strings.Cut(got, " ("); bare != tt.want || len(live.calls()) != 1 {
				t.Errorf("said %q, want %q; %d calls", got, tt.want, len(live.calls()))
			}
			g.ended(t, tt.end)
		})
	}
}

// ended holds how the one task of a gateway ended by its log.
func (g *gate) ended(t *testing.T, want string) {
	t.Helper()
	_ = g.Stop() // writes what is behind answers
	for _, ev := range g.Events(t) {
		if ev.Kind == audit.KindOutcome {
			if ev.End != want {
				t.Errorf("ended %q, want %q", ev.End, want)
			}
			return
		}
	}
	t.Error("no outcome")
}

// TestAServerThatIsAway: nothing was changed, and the sender is told so in the one line that it shows.
func TestAServerThatIsAway(t *testing.T) {
	live := newTwin(t, "live")
	o := options(t, live, "live", dev)
	live.Close()
	g := start(t, live, o)
	status, reason, _ := g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
	if status != 503 || reason != "Target not reached, nothing was changed" {
		t.Errorf("%d %s", status, reason)
	}
}

// TestSendersAreTold: who proved who he is learns why; anybody else gets one phrase.
func TestSendersAreTold(t *testing.T) {
	live := newTwin(t, "live")
	g := start(t, live, options(t, live, "live", dev))
	status, reason, body := g.target("").call(t.Context(), message("dev", "dev password", "DeleteDocument", "", home, "", ";dev;"))
	if got := said(status, reason, body); !strings.HasPrefix(got, `Refused by gateway: the task type "DeleteDocument" (`) ||
		!referenceForm.MatchString(got) {
		t.Errorf("said %q", got)
	}
	for _, c := range [][2]string{{"dev", "wrong"}, {"nobody", "dev password"}, {"own", "own password"}} {
		status, reason, body := g.target("").call(t.Context(), message(c[0], c[1], "UpdateDocument", "", home, "", ";dev;"))
		if status != 400 || reason != "Not accepted" || body != "" {
			t.Errorf("%s: %d %s %s", c, status, reason, body)
		}
	}
	if n := len(live.calls()); n > 0 {
		t.Errorf("%d calls came to the server", n)
	}
	var reasons []string
	for _, v := range g.verdicts(t) {
		reasons = append(reasons, string(v.Reason)+" "+v.Fields["task"]+" "+v.Fields["name"])
	}
	want := []string{"task.denied DeleteDocument Home & garden", "task.credentials  ", "task.credentials  ", "task.credentials  "}
	if !slices.Equal(reasons, want) {
		t.Errorf("recorded %q", reasons)
	}
}

// pair is two twins, each behind its gateway, which lists the other as its target.
func pair(t *testing.T, a, b *twin) (ga, gb *gate) {
	t.Helper()
	peer := func(name, url, ca string) []string {
		lines := []string{
			"  - name: " + name,
			"    sends: { user: from-" + name + ", secret: { value: between } }",
		}
		if url != "" {
			lines = append(lines, "    target: { url: "+url+", path_context: /to-"+name+", ca: "+ca+", server_name: 127.0.0.1, user: from-"+
				map[string]string{"dev": "live", "live": "dev"}[name]+", secret: { value: between } }")
		}
		return lines
	}
	ga = start(t, a, options(t, a, "dev", peer("live", "", "")...))
	gb = start(t, b, options(t, b, "live", peer("dev", ga.URL, authority(t, ga))...))
	o := options(t, a, "dev", peer("live", gb.URL, authority(t, gb))...)
	ga.Write(t, o)
	if r, err := ga.Node.Reload(context.Background()); err != nil {
		t.Fatal(err, r.Problems)
	}
	return ga, gb
}

func authority(t *testing.T, g *gate) string {
	t.Helper()
	path, _, _, ok := g.Node.CA()
	if !ok {
		t.Fatal("no authority")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// listed lists the gateway as the target of its twin.
func (g *gate) listed(code, peer string) {
	g.twin.list(target{Code: code, URL: g.URL + "/to-" + peer, User: "own", Password: "own password", Client: g.client})
}

// settle lets both servers send what they have until neither has anything, at most that many times.
func settle(t *testing.T, rounds int, all ...*twin) (sent int, failed []string) {
	t.Helper()
	for range rounds {
		queued := 0
		for _, w := range all {
			n, why := w.synchronize(t.Context())
			sent += n
			failed = append(failed, why...)
		}
		for _, w := range all {
			queued += w.queued()
		}
		if queued == 0 {
			break
		}
	}
	return sent, failed
}

func TestBothDirectionsThroughTwoGateways(t *testing.T) {
	a, b := newTwin(t, "dev"), newTwin(t, "live")
	ga, gb := pair(t, a, b)
	ga.listed("stagelock", "live")
	gb.listed("stagelock", "dev")
	a.edit("1", "from dev")
	b.edit("2", "from live")
	if sent, failed := settle(t, 10, a, b); sent != 2 || len(failed) > 0 {
		t.Fatalf("%d sent, failed %q", sent, failed)
	}
	if a.page("2") != "from live" || b.page("1") != "from dev" {
		t.Errorf("dev has %q, live has %q", a.page("2"), b.page("1"))
	}
	if got := b.calls()[0].Servers; got != ";dev;stagelock;" {
		t.Errorf("live was told of %s", got)
	}
	for _, g := range []*gate{ga, gb} {
		if v := g.verdicts(t); len(v) != 2 || v[0].Fields["misnamed"] != "" {
			t.Errorf("%+v", v)
		}
	}
}

// TestTheOtherGatewayRefuses: what it refused the sender reads in its words; what it did not take was not
// carried out.
func TestTheOtherGatewayRefuses(t *testing.T) {
	a, b := newTwin(t, "dev"), newTwin(t, "live")
	ga, gb := pair(t, a, b)
	to := &target{URL: ga.URL + "/to-live", User: "own", Password: "own password", Client: ga.client}
	b.answer = func(w http.ResponseWriter) bool { result(w, "no parent"); return true }
	status, reason, body := to.call(t.Context(), message("own", "own password", "UpdateDocument", "", home, "", ";dev;"))
	if got := said(status, reason, body); got != "no parent" {
		t.Errorf("said %q", got)
	}
	o := options(t, b, "live", "  - { name: dev, sends: { user: from-dev, secret: { value: changed } } }")
	gb.Write(t, o)
	if _, err := gb.Node.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	status, reason, _ = to.call(t.Context(), message("own", "own password", "UpdateDocument", "", home, "", ";dev;"))
	if status != 503 || reason != "Target not reached, nothing was changed" || len(b.calls()) != 1 {
		t.Errorf("%d %s, %d calls", status, reason, len(b.calls()))
	}
}

var errEndless = errors.New("it does not end")

// pingPong edits that many objects on both servers by turns, lets them send until nobody has anything,
// and returns how many tasks travelled.
func pingPong(t *testing.T, changes, rounds int, a, b *twin) (sent int, err error) {
	t.Helper()
	for i := range changes {
		w := []*twin{a, b}[i%2]
		w.edit(fmt.Sprintf("guid-%d", i%50), fmt.Sprintf("change %d", i))
		n, failed := settle(t, rounds, a, b)
		sent += n
		if len(failed) > 0 {
			return sent, fmt.Errorf("change %d: %q", i, failed[0])
		}
		if a.queued()+b.queued() > 0 {
			return sent, fmt.Errorf("change %d: %w", i, errEndless)
		}
	}
	return sent, nil
}

// TestNoLoopInAThousandChanges: with names unset or mistyped and logging on, a pair that speaks directly
// never ends; behind gateways no change comes back.
func TestNoLoopInAThousandChanges(t *testing.T) {
	for _, tt := range []struct {
		name         string
		a, b         string // CMSStagingServerName
		codeA, codeB string // under which each is listed by the other, without gateways
		gatewayCode  string // under which each lists its gateway
		most         int    // tasks that may travel
	}{
		{"names unset", "", "", "dev", "live", "stagelock", 1000},
		{"names mistyped", "dve", "lvie", "dev", "live", "stagelock", 1000},
		{"the gateway is mistyped too", "dve", "lvie", "dev", "live", "stageloc", 2000}, // the second line: each comes back once
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newTwin(t, tt.a), newTwin(t, tt.b)
			a.Logging, b.Logging, a.Password, b.Password = true, true, "of ", "of "
			a.list(target{tt.codeB, b.URL, "staging", "of ", b.Client()})
			b.list(target{tt.codeA, a.URL, "staging", "of ", a.Client()})
			if sent, err := pingPong(t, 1, 500, a, b); !errors.Is(err, errEndless) || sent < 1000 {
				t.Fatalf("the bare pair ended after %d tasks: %v", sent, err)
			}
			a, b = newTwin(t, tt.a), newTwin(t, tt.b)
			a.Logging, b.Logging = true, true
			ga, gb := pair(t, a, b)
			ga.listed(tt.gatewayCode, "live")
			gb.listed(tt.gatewayCode, "dev")
			sent, err := pingPong(t, 1000, 5, a, b)
			if err != nil || sent > tt.most {
				t.Fatalf("%d tasks travelled for 1000 changes: %v", sent, err)
			}
			if n := len(a.calls()) + len(b.calls()); n != 1000 {
				t.Errorf("%d tasks were carried out for 1000 changes", n)
			}
			for i := range 50 {
				if g := fmt.Sprintf("guid-%d", i); a.page(g) != b.page(g) || a.page(g) == "" {
					t.Errorf("%s: %q and %q", g, a.page(g), b.page(g))
				}
			}
		})
	}
}
