package kentico_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
)

// TestReload: what a peer may send, and with which password, counts for the next call.
func TestReload(t *testing.T) {
	live := newTwin(t, "live")
	g := start(t, live, options(t, live, "live", dev))
	send := func(password, kind string) string {
		status, reason, body := g.target("").call(t.Context(), message("dev", password, kind, "", home, "", ";dev;"))
		said := said(status, reason, body)
		before, _, _ := strings.Cut(said, " (")
		return before
	}
	const denied = `Refused by gateway: the task type "DeleteDocument"`
	if got := send("dev password", "DeleteDocument"); got != denied {
		t.Errorf("before: %q", got)
	}
	g.Write(t, options(t, live, "live", "  - { name: dev, users: [], deletes: true, sends: { user: dev, secret: { value: new } } }"))
	if r, err := g.Node.Reload(context.Background()); err != nil || len(r.Changes) == 0 {
		t.Fatal(err, r.Problems)
	}
	if got := send("dev password", "DeleteDocument"); got != "HTTP status 400: Not accepted" {
		t.Errorf("with the old password: %q", got)
	}
	if got := send("new", "DeleteDocument"); got != "" || len(live.calls()) != 1 {
		t.Errorf("after: %q, %d calls", got, len(live.calls()))
	}
	broken := options(t, live, "stagelock", dev)
	g.Write(t, broken)
	if _, err := g.Node.Reload(context.Background()); err == nil {
		t.Error("a bad configuration is used")
	}
	if got := send("new", "UpdateDocument"); got != "" {
		t.Errorf("after a bad one: %q", got)
	}
	other := options(t, live, "live", dev)
	other.Kentico = nil
	g.Write(t, other) // a Liferay
	r, err := g.Node.Reload(context.Background())
	if err != nil || !slices.Contains(r.Restart, "engine.profile") {
		t.Errorf("another profile: %v, restart %q", err, r.Restart)
	}
	if got := send("new", "UpdateDocument"); got != "" {
		t.Errorf("the profile changed without a restart: %q", got)
	}
}

// TestAStopCutsNoTask: one under way gets its answer; one that comes later was not sent.
func TestAStopCutsNoTask(t *testing.T) {
	live := newTwin(t, "live")
	begun, hold := make(chan struct{}), make(chan struct{})
	live.answer = func(http.ResponseWriter) bool {
		close(begun)
		<-hold
		return false
	}
	o := options(t, live, "live", dev)
	o.Extra = []string{"drain: 1m"}
	g := start(t, live, o)
	got := make(chan string, 1)
	go func() {
		status, reason, body := g.target("").call(context.Background(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
		got <- said(status, reason, body)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop() }()
	for drained := false; !drained; {
		for _, ev := range g.Events(t) {
			drained = drained || ev.Kind == audit.KindDrain
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a task under way: %v", err)
	case s := <-got:
		t.Fatalf("answered %q", s)
	default:
	}
	close(hold)
	if s := <-got; s != "" {
		t.Errorf("said %q", s)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := len(live.calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestHealthAndMetrics: a balancer asks as always, and tasks are counted by their type.
func TestHealthAndMetrics(t *testing.T) {
	live := newTwin(t, "live")
	o := options(t, live, "live", dev)
	g := start(t, live, o)
	for _, kind := range []string{"UpdateDocument", "DeleteDocument"} {
		g.target("").call(t.Context(), message("dev", "dev password", kind, "", home, "", ";dev;"))
	}
	res, err := g.client.Get(g.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("health: %s", res.Status)
	}
	status := g.Node.Status()
	if !status.Ready || len(status.Engine) != 1 || !status.Engine[0].Up {
		t.Errorf("status %+v", status)
	}
	text := scrape(t, g)
	for _, want := range []string{
		`method="UpdateDocument"`, `method="DeleteDocument"`, `peer="dev"`, `reason="task.denied"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics do not have %s", want)
		}
	}
}

func scrape(t *testing.T, g *gate) string {
	t.Helper()
	addr := g.Node.Status().Admin
	if len(addr) == 0 {
		t.Fatal("no admin listener")
	}
	res, err := http.Get("http://" + addr[0] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
