package witness_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var shared postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// house is a database and the gateways that write their logs into it.
type house struct {
	t      *testing.T
	db     *postgres.Store
	schema string
	now    time.Time
	gates  map[string]*gate
}

// gate is one gateway, as far as its log goes.
type gate struct {
	house *house
	name  string
	dir   string
	key   ed25519.PrivateKey
	w     *witness.Witness
	found []string
}

var houses int

func newHouse(t *testing.T, names ...string) *house {
	t.Helper()
	houses++
	h := &house{t: t, schema: fmt.Sprint("house", houses), gates: map[string]*gate{}, now: time.Now()}
	var err error
	h.db, err = postgres.Open(t.Context(), postgres.Config{URL: shared.Server(t).URL(), Schema: h.schema, Cluster: "live", Connections: 4})
	must(t, err)
	t.Cleanup(func() { must(t, h.db.Close()) })
	for i, name := range names {
		g := &gate{house: h, name: name, dir: t.TempDir(), key: ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+i)), 32)))}
		h.gates[name] = g
		g.start()
	}
	return h
}

func (g *gate) file(name string) string { return filepath.Join(g.dir, name) }

// start begins a witness, as a gateway that starts.
func (g *gate) start() {
	g.house.t.Helper()
	g.found = nil
	db := g.house.db
	found := func(_ context.Context, what string) { g.found = append(g.found, what) }
	w, err := witness.New(g.house.t.Context(), witness.Config{
		Cluster: "live", Node: g.name, Owner: g.name, Logs: db.Logs(), Values: db.Values(), Leases: db.Leases(),
		Members: db.Members(), Key: g.key, Newest: g.file("cluster.checkpoint"), Keys: g.file("cluster.keys"),
		Now: func() time.Time { return g.house.now }, Found: found, Failed: found,
	})
	must(g.house.t, err)
	g.w = w
}

// write appends n events to the gateway's log, in one life of it.
func (g *gate) write(n int) {
	t := g.house.t
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Config{
		Events: g.house.db.Logs().Log(g.name), Node: g.name, Now: func() time.Time { return g.house.now }, Key: g.key,
		Checkpoint: g.file("audit.checkpoint"),
	})
	must(t, err)
	for range n {
		_, err := l.Append(t.Context(), audit.Event{Kind: audit.KindVerdict, Verdict: audit.Allow})
		must(t, err)
	}
	must(t, l.Close())
}

// round has every gateway look, by name.
func (h *house) round() {
	h.t.Helper()
	for _, name := range h.names() {
		must(h.t, h.gates[name].w.Round(h.t.Context()))
	}
}

func (h *house) names() []string {
	var all []string
	for name := range h.gates {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// found returns what the gateways found, and by whom.
func (h *house) found() (all []string) {
	for _, name := range h.names() {
		for _, f := range h.gates[name].found {
			all = append(all, name+": "+f)
		}
	}
	return all
}

// exec changes the database behind everybody's back.
func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), shared.Server(h.t).URL())
	must(h.t, err)
	defer conn.Close(context.Background())
	tag, err := conn.Exec(h.t.Context(), strings.ReplaceAll(query, "@.", h.schema+"."), args...)
	must(h.t, err)
	if tag.RowsAffected() == 0 {
		h.t.Fatalf("%s changed nothing", query)
	}
}

// verify verifies as an auditor with the data folder of those gateways.
func (h *house) verify(folders ...string) witness.Report {
	h.t.Helper()
	trust := witness.Trust{Newest: map[string][]proof.Note{}, Now: func() time.Time { return h.now }}
	for _, g := range h.gates {
		trust.Keys = append(trust.Keys, g.key.Public().(ed25519.PublicKey))
	}
	for _, name := range folders {
		g := h.gates[name]
		if text, err := os.ReadFile(g.file("cluster.checkpoint")); err == nil {
			trust.Kept = append(trust.Kept, proof.Note{Text: text, From: g.file("cluster.checkpoint")})
		}
		text, err := os.ReadFile(g.file("audit.checkpoint"))
		must(h.t, err)
		trust.Newest[name] = []proof.Note{{Text: text, From: g.file("audit.checkpoint")}}
	}
	r, err := witness.Verify(h.t.Context(), h.db.Logs(), trust)
	must(h.t, err)
	return r
}

// Three gateways write their logs; one signs a note over all of them, the others sign it too.
func TestGatewaysSignForEachOther(t *testing.T) {
	h := newHouse(t, "gate-a", "gate-b", "gate-c")
	for round := range 3 {
		for i, name := range h.names() {
			h.gates[name].write(10*round + i + 1)
		}
		h.now = h.now.Add(10 * time.Second)
		h.round()
	}
	h.round() // nothing is new: no note
	r := h.verify()
	if !r.OK() || r.Notes != 3 || r.Signers != 3 || len(r.Logs) != 3 {
		t.Errorf("%d notes, %d signers, %d logs, bad: %q %+v", r.Notes, r.Signers, len(r.Logs), r.Bad, r.Logs)
	}
	for _, l := range r.Logs {
		if l.Records == 0 || len(l.Held) != 1 || l.Held[0].From != "note 3 over all logs" {
			t.Errorf("log %s: %d records, held against %+v", l.Log, l.Records, l.Held)
		}
	}
	if found := h.found(); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	if r := h.verify("gate-a", "gate-c"); !r.OK() {
		t.Errorf("with two data folders: %q %+v", r.Bad, r.Logs)
	}
	for _, name := range h.names() {
		keys, err := witness.ReadKeys(h.gates[name].file("cluster.keys"))
		if err != nil || len(keys) != 3 {
			t.Errorf("%s has seen the keys %v, %v", name, keys, err)
		}
	}
}

// Whatever somebody with the database's password does to the log of one gateway, an auditor finds it,
// and most of it a gateway that runs.
func TestEditsAreFound(t *testing.T) {
	rewritten := func(h *house) { // with the key of its own gateway
		h.exec(`DELETE FROM @.events WHERE log = 'gate-b' AND seq > 3`)
		must(h.t, os.Remove(h.gates["gate-b"].file("audit.checkpoint")))
		h.exec(`DELETE FROM @.events WHERE log = 'gate-b'`)
		h.gates["gate-b"].write(20)
	}
	for _, tt := range []struct {
		name  string
		edit  func(h *house)
		bad   string // what the auditor says of log gate-b, or of the notes
		found string // what the gateways find by themselves, "" for nothing
	}{
		{"a record changed", func(h *house) {
			h.exec(`UPDATE @.events SET body = convert_to(replace(convert_from(body, 'UTF8'), 'allow', 'deny'), 'UTF8')
				WHERE log = 'gate-b' AND seq = 3`)
		}, "record 3 was changed", ""},
		{"a record removed", func(h *house) { h.exec(`DELETE FROM @.events WHERE log = 'gate-b' AND seq = 3`) },
			"record 3 is not there", ""},
		{"the end cut off", func(h *house) { h.exec(`DELETE FROM @.events WHERE log = 'gate-b' AND seq > 3`) },
			"records from 4 to", `log "gate-b" ends before record`},
		{"the whole log removed", func(h *house) { h.exec(`DELETE FROM @.events WHERE log = 'gate-b'`) },
			"records from 1 to", `log "gate-b" ends before record`},
		{"the whole log written anew", rewritten, "the checkpoint in note", `of log "gate-b" is another one than it was`},
		{"a log put in later", func(h *house) {
			h.exec(`INSERT INTO @.events SELECT 'gate-x', seq, body FROM @.events WHERE log = 'gate-b'`)
		}, "are in no note over all logs", ""},
		{"the newest note removed", func(h *house) { h.exec(`DELETE FROM @.checkpoints WHERE n = 3`) },
			"notes 3 to 3 over the logs are gone", ""},
		{"all notes removed", func(h *house) { h.exec(`DELETE FROM @.checkpoints`) },
			"notes 1 to 3 over the logs are gone", ""},
		{"a note in between removed", func(h *house) { h.exec(`DELETE FROM @.checkpoints WHERE n = 2`) },
			"note 3 over the logs is not the next one", ""},
		{"a note changed", func(h *house) {
			h.exec(`UPDATE @.checkpoints SET note = convert_to(replace(convert_from(note, 'UTF8'), 'live', 'evil'), 'UTF8') WHERE n = 2`)
		}, "note 2 over the logs is damaged", ""},
		{"notes swapped", func(h *house) {
			h.exec(`UPDATE @.checkpoints a SET note = b.note FROM @.checkpoints b WHERE a.n + b.n = 3`)
		}, "note 1 over the logs", ""},
		{"notes of a stranger", func(h *house) {
			h.exec(`DELETE FROM @.checkpoints WHERE n > 1`)
			stranger := &gate{house: h, name: "gate-a", dir: h.t.TempDir(), key: ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32)))}
			stranger.start()
			h.now = h.now.Add(time.Hour)
			must(h.t, stranger.w.Round(h.t.Context()))
		}, "of a key that is not trusted here", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, "gate-a", "gate-b", "gate-c")
			for range 3 {
				for _, name := range h.names() {
					h.gates[name].write(5)
				}
				h.round()
				h.now = h.now.Add(2 * time.Minute)
			}
			if r := h.verify("gate-a"); !r.OK() {
				t.Fatalf("before the edit: %q %+v", r.Bad, r.Logs)
			}
			h.gates["gate-a"].write(1)
			tt.edit(h)
			r := h.verify("gate-a")
			said := r.Bad
			for _, l := range r.Logs {
				if !l.OK() {
					said += l.Msg
				}
			}
			if r.OK() || !strings.Contains(said, tt.bad) {
				t.Errorf("the auditor says %q, want %q", said, tt.bad)
			}
			h.round()
			if all := strings.Join(h.found(), "\n"); !strings.Contains(all, tt.found) {
				t.Errorf("the gateways found %q, want %q", all, tt.found)
			}
			for _, f := range h.gates["gate-a"].found {
				if slices.Index(h.gates["gate-a"].found, f) != slicesLastIndex(h.gates["gate-a"].found, f) {
					t.Errorf("%q was told twice", f)
				}
			}
		})
	}
}

func slicesLastIndex(all []string, one string) int {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] == one {
			return i
		}
	}
	return -1
}

// A gateway that starts again knows what it saw: a database that was set back meanwhile is told.
func TestADatabaseThatWasSetBack(t *testing.T) {
	h := newHouse(t, "gate-a", "gate-b")
	for range 3 {
		h.gates["gate-a"].write(2)
		h.round()
	}
	h.exec(`DELETE FROM @.checkpoints WHERE n > 1`)
	a := h.gates["gate-a"]
	a.start()
	if len(a.found) != 1 || !strings.Contains(a.found[0], "notes 2 to 3 over the logs are gone") {
		t.Fatalf("gate-a found %q", a.found)
	}
	a.write(1)
	must(t, a.w.Close(t.Context()))
	must(t, a.w.Close(t.Context()))
	if n, _, err := h.db.Logs().Newest(t.Context()); err != nil || n != 2 {
		t.Errorf("the newest note is %d, %v: it goes on with what is there", n, err)
	}
	a.start()
	if len(a.found) != 0 {
		t.Errorf("at the next start gate-a found %q", a.found)
	}
	h.gates["gate-b"].start()
	if f := h.gates["gate-b"].found; len(f) != 1 || !strings.Contains(f[0], "note 3 over the logs are gone") && !strings.Contains(f[0], "notes 3 to 3") {
		t.Errorf("gate-b found %q", f)
	}
}

// The log of a gateway that has gone is summed up after a day, and comes back with its next record.
func TestGatewaysThatAreGone(t *testing.T) {
	h := newHouse(t, "gate-a", "gate-b")
	_, err := h.db.Members().Join(t.Context(), store.Member{ID: "life", Node: "gate-a"}, time.Minute)
	must(t, err)
	listed := func() string {
		t.Helper()
		r := h.verify()
		if !r.OK() {
			t.Errorf("%q %+v", r.Bad, r.Logs)
		}
		var all []string
		for _, l := range r.Newest.Logs {
			all = append(all, l.Log)
		}
		return fmt.Sprint(strings.Join(all, " "), ", ended ", r.Newest.Ended.Count)
	}
	h.gates["gate-a"].write(2)
	h.gates["gate-b"].write(2)
	h.round()
	if got := listed(); got != "gate-a gate-b, ended 0" {
		t.Errorf("listed %s", got)
	}
	b := h.gates["gate-b"]
	delete(h.gates, "gate-b")
	h.now = h.now.Add(25 * time.Hour)
	h.gates["gate-a"].write(1)
	h.round()
	h.gates["gate-b"] = b
	if got := listed(); got != "gate-a, ended 1" {
		t.Errorf("listed %s", got)
	}
	b.write(1)
	h.round()
	if got := listed(); got != "gate-a gate-b, ended 1" {
		t.Errorf("listed %s", got)
	}
	if f := h.found(); len(f) != 0 {
		t.Errorf("found %q", f)
	}
}

// A log that was begun a moment ago is not bad because no note covers it yet.
func TestAYoungLogIsNotBad(t *testing.T) {
	h := newHouse(t, "gate-a", "gate-b")
	h.gates["gate-a"].write(2)
	h.round()
	h.gates["gate-b"].write(2)
	if r := h.verify(); !r.OK() {
		t.Errorf("%q %+v", r.Bad, r.Logs)
	}
	h.now = h.now.Add(2 * time.Minute)
	if r := h.verify(); r.OK() {
		t.Error("a log that no note covers for two minutes is good")
	}
}

func TestAWitnessNeedsItsParts(t *testing.T) {
	if _, err := witness.New(t.Context(), witness.Config{}); err == nil {
		t.Error("a witness of nothing")
	}
	bad := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(bad, []byte("no key\n"), 0o600))
	if _, err := witness.ReadKeys(bad); err == nil {
		t.Error("a damaged file of keys was read")
	}
}
