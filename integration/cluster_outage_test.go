package integration_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// patient has gateways wait for the database as long as a fail-over may take.
func patient(o *harness.Options) {
	for i, l := range o.Extra {
		l = strings.Replace(l, "patience: 1s", "patience: 1m", 1)
		o.Extra[i] = strings.Replace(l, "heartbeat: 1s", "heartbeat: 15s", 1)
	}
}

// awaitHealth waits until the health of a gateway says so.
func awaitHealth(t *testing.T, g *harness.Gateway, says string) {
	t.Helper()
	look, late := time.NewTicker(10*time.Millisecond), time.After(limit)
	defer look.Stop()
	for {
		h := g.Node.Health()
		if says == "" && h.Ready || says != "" && strings.Contains(strings.Join(h.Problems, " "), says) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("health does not say %q, but %q", says, h.Problems)
		}
	}
}

// life returns the id of the membership of the gateway of that name, once it has one.
func (c cluster) life(t *testing.T, node string) string {
	t.Helper()
	db, late := c.Database(t), time.After(limit)
	for {
		members, err := db.Members().Members(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if m.Node == node && !m.Over {
				return m.ID
			}
		}
		select {
		case <-late:
			t.Fatalf("%s is no member: %+v", node, members)
		default:
		}
	}
}

// exec changes the database behind the gateways' backs.
func (c cluster) exec(t *testing.T, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.database.URL())
	if err == nil {
		_, err = conn.Exec(t.Context(), query)
		err = errors.Join(err, conn.Close(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The database restarts while calls of a publish wait for it, for longer than a gateway's lease lasts: the
// publisher notices a pause, and signs of life.
func TestDatabaseRestartsDuringAPublish(t *testing.T) {
	c := startCluster(t, patient)
	id, life := c.made(t, 1), c.life(t, "gate-a")
	for _, m := range []message{
		partAs(id, "a.zip00", nil)(t, c.arranged), publish(id, settings(int64(site))).message(t), cleanUp(id).message(t),
	} {
		l := dial(t, c.Gateway)
		c.database.Stop()
		l.send(t, m)
		awaitHealth(t, c.Gateway, "the database is away since")
		<-time.After(fleeting) // health names the cause and not what comes of it
		if err := c.database.Run(); err != nil {
			t.Fatal(err)
		}
		c.let <- struct{}{}
		allowed(t, c.Gateway, l.receive(t))
		awaitHealth(t, c.Gateway, "")
		now := c.life(t, "gate-a")
		if now == life {
			t.Error("the lease outlasted the outage")
		}
		life = now
		for len(c.let) > 0 { // what was not let needs none
			<-c.let
		}
	}
	for _, name := range []string{"updateStagingRequest", publishing, "cleanUpStagingRequest"} {
		if n := c.executed(name); n != 1 {
			t.Errorf("%s was carried out %d times", name, n)
		}
	}
	verifyAll(t, c.Gateway)
}

// verifyAll verifies the logs of all gateways that share the database of g.
func verifyAll(t testing.TB, g *harness.Gateway) {
	t.Helper()
	r := g.VerifyShared(t)
	if r.Bad != "" {
		t.Errorf("the notes over all logs: %s", r.Bad)
	}
	for _, l := range r.Logs {
		if !l.OK() {
			t.Errorf("log %s, record %d: %s", l.Log, l.FirstBad, l.Msg)
		}
	}
}

// Health says that the database is away, and a call that comes then is refused before its body was read.
func TestHealthOfADatabaseThatIsAway(t *testing.T) {
	c := startCluster(t)
	allowed(t, c.other.Gateway, once(t, c.other.Gateway, create(site, 6).message(t)))
	c.database.Stop()
	awaitHealth(t, c.other.Gateway, "the database is away since")
	got := once(t, c.other.Gateway, create(site, 7).message(t))
	if got.status != 503 || !strings.Contains(string(got.body), "nothing was carried out") {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	if err := c.database.Run(); err != nil {
		t.Fatal(err)
	}
	awaitHealth(t, c.other.Gateway, "")
	allowed(t, c.other.Gateway, once(t, c.other.Gateway, create(site, 8).message(t)))
}

// A database that lost its last records, as a standby has that was not synchronous: the gateways say so in
// their logs, refuse what could be a repeat that is lost, and go on with the rest.
func TestDatabaseWasSetBack(t *testing.T) {
	c := startCluster(t, func(o *harness.Options) {
		for i, l := range o.Extra {
			o.Extra[i] = strings.Replace(l, "heartbeat: 1s", "heartbeat: 15s", 1)
		}
	})
	id := c.made(t, 1)
	last := once(t, c.Gateway, create(site, 2).message(t)) // with which all before it is on disk, and could not be written again
	c.awaitOne(t, func(ev audit.Event) bool { return ev.Kind == audit.KindOutcome && ev.Ref == last.ref })
	c.exec(t, `DELETE FROM stagelock.events WHERE log = 'gate-a' AND seq > 2`)
	allowed(t, c.Gateway, once(t, c.Gateway, checkSite(site).message(t)))
	alarms := slices.DeleteFunc(c.Events(t), func(ev audit.Event) bool { return ev.Kind != audit.KindAlarm })
	if len(alarms) != 1 || !strings.Contains(alarms[0].Detail, "the store was set back") {
		t.Errorf("alarms %+v", alarms)
	}
	got := once(t, c.Gateway, publish(id, settings(int64(site))).message(t))
	if got.status != 503 || !strings.Contains(string(got.body), "nothing was carried out") {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	if n := c.executed(publishing); n != 0 {
		t.Errorf("%d publishes were carried out", n)
	}
	if r := c.VerifyShared(t); r.OK() {
		t.Error("the logs are good")
	}
}
