package integration_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// fleeting is the lease of gateways that tests take the database from: the shortest one that is valid.
const fleeting = 3 * time.Second

// cluster is two gateways before one engine that answers publishes when it is let, with one database.
type cluster struct {
	slow     // gate-a
	other    arranged
	database *postgrestest.Server
	key      string // file of the key that they share
	change   []func(*harness.Options)
}

// options are those of the gateway of that name.
func (c cluster) options(name string) harness.Options {
	o := shared(name, c.database.URL(), c.key)
	for _, change := range c.change {
		change(&o)
	}
	return o
}

// shared has a gateway of that name use the database at url.
func shared(name, url, key string) harness.Options {
	o := listed
	o.Extra = []string{
		"quota: { failure_cost: 1, per_address_burst: 1000000 }", "heartbeat: 1s", "store: postgres", "cluster:",
		"  node: " + name, "  key_file: " + fmt.Sprintf("%q", key),
		"  patience: 1s", "  lease: " + fleeting.String(), "  drain_notice: 10ms", "  postgres: { url: { value: " + fmt.Sprintf("%q", url) + " } }",
	}
	return o
}

func startCluster(t *testing.T, change ...func(*harness.Options)) cluster {
	t.Helper()
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	key := filepath.Join(t.TempDir(), "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cluster{database: db, key: key, change: change}
	c.slow = slowly(t, c.options("gate-a"))
	awaitBegun(t, c.Gateway)
	c.other = c.join(t, "gate-b")
	return c
}

// join starts another gateway.
func (c cluster) join(t *testing.T, name string) arranged {
	t.Helper()
	a := arrangeTo(t, c.options(name), c.sink)
	awaitBegun(t, a.Gateway)
	return a
}

// awaitBegun waits until a gateway answers: it listens before its log says that it began, and one whose database
// goes away in between ends.
func awaitBegun(t *testing.T, g *harness.Gateway) {
	t.Helper()
	_, _ = probe(t, g)
}

// members returns the database's view of the gateways, and ends the lives of those named.
func (c cluster) members(t *testing.T, end ...string) (living []string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: c.database.URL(), Cluster: "live"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all, err := db.Members().Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Over {
			continue
		}
		living = append(living, m.Node)
		for _, name := range end {
			if m.Node == name {
				if err := db.Members().Leave(t.Context(), m.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return living
}

// Any gateway takes any call of a publish.
func TestAnyGatewayTakesAnyCall(t *testing.T) {
	c := startCluster(t)
	if got := c.members(t); strings.Join(got, " ") != "gate-a gate-b" {
		t.Errorf("members %v", got)
	}
	c.let <- struct{}{}
	for i, m := range []message{
		create(site, 1).message(t), partAs(requestOf(1), "a.zip00", nil)(t, c.arranged), partAs(requestOf(1), "a.zip01", nil)(t, c.arranged),
		publish(requestOf(1), settings(int64(site))).message(t), cleanUp(requestOf(1)).message(t),
	} {
		g := []*harness.Gateway{c.Gateway, c.other.Gateway}[i%2]
		allowed(t, g, once(t, g, m))
	}
}

// A call whose connection broke comes again by way of the other gateway.
func TestTwinOnTheOtherGateway(t *testing.T) {
	c := startCluster(t)
	m := publish(c.made(t, 1), settings(int64(site))).message(t)
	first, second := dial(t, c.Gateway), dial(t, c.other.Gateway)
	first.send(t, m)
	<-c.going
	second.send(t, m)
	w := second.begun(t, 1) // it waits
	c.let <- struct{}{}
	one := first.receive(t)
	allowed(t, c.Gateway, one)
	got := w.ended(t)
	if ev := verdict(t, c.other.Gateway, got.ref); ev.Reason != "repeat.answered" {
		t.Errorf("verdict %s, reason %s: %s", ev.Verdict, ev.Reason, ev.Detail)
	}
	replayed(t, c.other, once(t, c.other.Gateway, m), answer{})
	if n := c.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
}

// A gateway that is taken for dead has a call under way: its twin is told that nobody knows, and the
// late answer is kept all the same.
func TestTwinOfADeadGateway(t *testing.T) {
	c := startCluster(t)
	m := publish(c.made(t, 1), settings(int64(site))).message(t)
	first := dial(t, c.Gateway)
	first.send(t, m)
	<-c.going
	c.members(t, "gate-a")
	got := once(t, c.other.Gateway, m)
	if th := got.thrown(t); th == nil || !strings.Contains(th.Message, "may have been carried out") {
		t.Errorf("answered with %v", th)
	}
	c.let <- struct{}{}
	allowed(t, c.Gateway, first.receive(t))
	replayed(t, c.other, once(t, c.other.Gateway, m), answer{})
	if n := c.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
}

// While the database is away nothing is carried out; when it is back the gateways go on.
func TestDatabaseIsAway(t *testing.T) {
	c := startCluster(t)
	id := c.made(t, 1)
	c.database.Stop()
	got := once(t, c.other.Gateway, publish(id, settings(int64(site))).message(t))
	if got.status != 503 || !strings.Contains(string(got.body), "nothing was carried out") {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	if err := c.database.Run(); err != nil {
		t.Fatal(err)
	}
	c.let <- struct{}{}
	allowed(t, c.other.Gateway, once(t, c.other.Gateway, publish(id, settings(int64(site))).message(t)))
	if n := c.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
}

// A second gateway under a name that is taken ends the first one, which says so.
func TestGatewaysOfOneName(t *testing.T) {
	c := startCluster(t)
	allowed(t, c.other.Gateway, once(t, c.other.Gateway, create(site, 1).message(t)))
	again := c.join(t, "gate-b")
	if err := c.other.Ended(); err == nil || !strings.Contains(err.Error(), "cluster.node") {
		t.Errorf("the former gate-b ended with %v", err)
	}
	allowed(t, again.Gateway, once(t, again.Gateway, create(site, 2).message(t)))
}

// until waits until a metric of a gateway has that value.
func until(t *testing.T, g *harness.Gateway, want float64, name string, labels ...string) scraped {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		m := scrape(t, g)
		if m.sum(name, labels...) == want {
			return m
		}
		select {
		case <-late:
			t.Fatalf("%s%q is %v, want %v", name, labels, m.sum(name, labels...), want)
		default:
		}
	}
}

// Each gateway tells how many there are, and how it stands to the database that they share.
func TestMetricsOfACluster(t *testing.T) {
	c := startCluster(t)
	m := until(t, c.other.Gateway, 2, "stagelock_members", `state="up"`)
	for name, want := range map[string]float64{"stagelock_member_lease_seconds": 3, "stagelock_store_up": 1, "stagelock_audit_verified": 1} {
		if got := m.sum(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if off := m.sum("stagelock_clock_offset_seconds"); off < -1 || off > 1 || !strings.Contains(m.text, "\nstagelock_clock_offset_seconds ") {
		t.Errorf("the clock is %v off", off)
	}
	now := c.other.Gateway.Node.Status()
	for _, f := range now.Facts() {
		if f.ID == "store" && f.Words != "postgres, can be written, cluster live of 2" || f.ID == "audit" && f.Mark != "ok" {
			t.Errorf("%+v", f)
		}
	}
	c.database.Stop()
	until(t, c.other.Gateway, 0, "stagelock_store_up")
	if err := c.database.Run(); err != nil {
		t.Fatal(err)
	}
	until(t, c.other.Gateway, 1, "stagelock_store_up")
}

// Two gateways find the same publish abandoned: one of them cleans it up, once, and both creates pass.
func TestAbandonedPublishIsCleanedUpOnce(t *testing.T) {
	c := startCluster(t, func(o *harness.Options) { o.Extra = append(o.Extra, "requests: { abandoned: 100ms }") })
	id := c.made(t, 1)
	allowed(t, c.Gateway, once(t, c.Gateway, partAs(id, "a.zip00", nil)(t, c.arranged)))
	db := c.Database(t).Requests()
	for r := (store.Request{}); r.Idle < 100*time.Millisecond; { // the part's end is kept after its answer
		var err error
		if r, err = db.Request(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	answers := make([]answer, 4)
	for i := range answers {
		g := []*harness.Gateway{c.Gateway, c.other.Gateway}[i%2]
		m := create(site, 1).message(t)
		wg.Go(func() { answers[i] = once(t, g, m) })
	}
	wg.Wait()
	for _, a := range answers {
		if a.status != 200 || strings.Contains(string(a.body), "Exception") {
			t.Errorf("answered %d %q", a.status, a.body)
		}
	}
	if n := c.executed("cleanUpStagingRequest"); n != 1 {
		t.Errorf("the abandoned publish was cleaned up %d times", n)
	}
}

// Each gateway took parts that fit beside those that it knew of: together they are too much.
func TestArchiveOfTwoGatewaysIsHeldToItsBound(t *testing.T) {
	c := startCluster(t, func(o *harness.Options) { o.Peer = append(o.Peer, "part_max_bytes: 1MiB", "archive_max_bytes: 1MiB") })
	id := c.made(t, 1)
	for _, name := range []string{"a.zip00", "a.zip01"} {
		if err := c.Database(t).Requests().AddPart(t.Context(), id, store.Part{Name: name, Size: 600 << 10, Width: 2}); err != nil {
			t.Fatal(err)
		}
	}
	got := once(t, c.other.Gateway, publish(id, settings(int64(site))).message(t))
	want{reason: "archive.size", says: "larger than the 1 MiB"}.denied(t, c.other.Gateway, got)
	if n := c.executed(publishing); n != 0 {
		t.Errorf("%d publishes were carried out", n)
	}
}
