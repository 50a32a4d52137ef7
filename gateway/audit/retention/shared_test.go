package retention_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/audit/retention"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// server is PostgreSQL for all tests; nil where it is not installed.
var shared postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// shop is a database and the gateways that write their logs into it.
type shop struct {
	t      *testing.T
	db     *postgres.Store
	schema string
	now    time.Time
	to     string // where to is archived
	gates  []*gate
}

// gate is one gateway, as far as its log goes.
type gate struct {
	shop  *shop
	name  string
	dir   string
	key   ed25519.PrivateKey
	w     *witness.Witness
	found []string
}

var shops int

func newShop(t *testing.T, names ...string) *shop {
	t.Helper()
	shops++
	s := &shop{t: t, schema: fmt.Sprint("shop", shops), now: time.Now().Add(-100 * time.Hour), to: t.TempDir()}
	var err error
	s.db, err = postgres.Open(t.Context(), postgres.Config{URL: shared.Server(t).URL(), Schema: s.schema, Cluster: "live", Connections: 4})
	audittest.Must(t, err)
	t.Cleanup(func() { audittest.Must(t, s.db.Close()) })
	for i, name := range names {
		g := &gate{shop: s, name: name, dir: t.TempDir(), key: ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+i)), 32)))}
		s.gates = append(s.gates, g)
		g.start()
	}
	return s
}

func (g *gate) file(name string) string { return filepath.Join(g.dir, name) }

func (g *gate) start() {
	db := g.shop.db
	found := func(_ context.Context, what string) { g.found = append(g.found, what) }
	w, err := witness.New(g.shop.t.Context(), witness.Config{
		Cluster: "live", Node: g.name, Owner: g.name, Logs: db.Logs(), Values: db.Values(), Leases: db.Leases(),
		Members: db.Members(), Key: g.key, Newest: g.file("note"), Keys: g.file("keys"),
		Now: func() time.Time { return g.shop.now }, Found: found, Failed: found,
	})
	audittest.Must(g.shop.t, err)
	g.w = w
}

// open opens the gateway's log, as a gateway that starts.
func (g *gate) open() *audit.Log {
	t, db := g.shop.t, g.shop.db
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Config{
		Events: db.Logs().Log(g.name), Node: g.name, Now: func() time.Time { return g.shop.now }, Key: g.key,
		Checkpoint: g.file("checkpoint"), Archived: func(ctx context.Context, size store.Seq) (bool, error) {
			return witness.Archived(ctx, db.Values(), g.file("keys"), g.name, size)
		},
	})
	audittest.Must(t, err)
	return l
}

// write appends n events in one life of the gateway.
func (g *gate) write(n int) { g.writeAt(n, g.shop.now) }

func (g *gate) writeAt(n int, at time.Time) {
	g.shop.t.Helper()
	l := g.open()
	for i := range n {
		ev := audittest.Verdict(i)
		ev.Time = at
		_, err := l.Append(g.shop.t.Context(), ev)
		audittest.Must(g.shop.t, err)
	}
	audittest.Must(g.shop.t, l.Close())
}

// hours has the gateways live for some hours: each writes, and a note is signed by all.
func (s *shop) hours(n int, gates ...*gate) {
	s.t.Helper()
	for range n {
		for _, g := range gates {
			g.write(5)
		}
		for range 2 {
			for _, g := range gates {
				audittest.Must(s.t, g.w.Round(s.t.Context()))
			}
		}
		s.now = s.now.Add(time.Hour)
	}
}

func (s *shop) keys() (keys []ed25519.PublicKey) {
	for _, g := range s.gates {
		keys = append(keys, g.key.Public().(ed25519.PublicKey))
	}
	return keys
}

// trust is what an auditor knows who has the data folders of the gateways that live.
func (s *shop) trust(folders ...*gate) witness.Trust {
	s.t.Helper()
	trust := witness.Trust{Keys: s.keys(), Newest: map[string][]proof.Note{}, Now: func() time.Time { return s.now }}
	var err error
	trust.Anchors, err = witness.StoredAnchors(s.t.Context(), s.db.Values())
	audittest.Must(s.t, err)
	for _, g := range folders {
		for name, add := range map[string]func(n proof.Note){
			"note":       func(n proof.Note) { trust.Kept = append(trust.Kept, n) },
			"checkpoint": func(n proof.Note) { trust.Newest[g.name] = append(trust.Newest[g.name], n) },
		} {
			text, err := os.ReadFile(g.file(name))
			audittest.Must(s.t, err)
			add(proof.Note{Text: text, From: g.file(name)})
		}
	}
	return trust
}

// bad returns what an auditor finds.
func (s *shop) bad(folders ...*gate) string {
	s.t.Helper()
	r, err := witness.Verify(s.t.Context(), s.db.Logs(), s.trust(folders...))
	audittest.Must(s.t, err)
	all := r.Bad
	for _, l := range r.Logs {
		if !l.OK() {
			all += l.Log + ": " + l.Msg
		}
	}
	return all
}

func (s *shop) place(log string) audit.Place { return placeIn(filepath.Join(s.to, log)) }

func (s *shop) archive(by *gate, before time.Time, keep int64) (retention.ArchivedShared, error) {
	s.t.Helper()
	return retention.ArchiveShared(s.t.Context(), retention.SharedConfig{
		Logs: s.db.Logs(), Values: s.db.Values(), Leases: s.db.Leases(), Owner: by.name, Place: s.place, Notes: filepath.Join(s.to, "notes"),
		Bytes: 2000, Key: by.key, Trust: s.trust(), Now: func() time.Time { return s.now }, Before: before, Keep: keep,
	})
}

// exec changes the database behind everybody's back.
func (s *shop) exec(query string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), shared.Server(s.t).URL())
	audittest.Must(s.t, err)
	defer conn.Close(context.Background())
	tag, err := conn.Exec(s.t.Context(), strings.ReplaceAll(query, "@.", s.schema+"."))
	audittest.Must(s.t, err)
	if tag.RowsAffected() == 0 {
		s.t.Fatalf("%s changed nothing", query)
	}
}

func (s *shop) count(table string) (n int) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), shared.Server(s.t).URL())
	audittest.Must(s.t, err)
	defer conn.Close(context.Background())
	audittest.Must(s.t, conn.QueryRow(s.t.Context(), "SELECT count(*) FROM "+s.schema+"."+table).Scan(&n))
	return n
}

// moved verifies what lies in the folders, and returns the first and last record of each log.
func (s *shop) moved() string {
	s.t.Helper()
	var all []string
	for _, g := range s.gates {
		p := s.place(g.name)
		ev, err := files.Open(files.Config{Dir: p.Dir, ReadOnly: true})
		audittest.Must(s.t, err)
		tr := trust(s.t, p)
		tr.Keys = s.keys()
		r, err := proof.Verify(s.t.Context(), ev, tr)
		if err = errors.Join(err, ev.Close()); err != nil || !r.OK() {
			s.t.Errorf("what was moved of %s: %s, %v", g.name, r.Msg, err)
		}
		all = append(all, fmt.Sprint(g.name, " ", r.First, "-", int(r.First)+r.Records-1))
	}
	return strings.Join(all, " ")
}

// quiet fails if a gateway found something.
func (s *shop) quiet() {
	s.t.Helper()
	for _, g := range s.gates {
		if len(g.found) > 0 {
			s.t.Errorf("%s found %q", g.name, g.found)
		}
	}
}

// Of two gateways' logs the old part is moved, by age and by size, again and again, while they go on: what
// stays and what was moved is verified each time, and the gateways that look on and start anew find nothing.
func TestArchiveShared(t *testing.T) {
	s := newShop(t, "gate-a", "gate-b")
	a, b := s.gates[0], s.gates[1]
	s.hours(10, a, b)
	if done, err := s.archive(a, s.now.Add(-90*time.Hour), 0); err != nil || len(done.Logs) > 0 || done.Notes > 0 {
		t.Fatalf("nothing is that old: %+v, %v", done, err)
	}
	for round, tt := range []struct {
		by   *gate
		age  time.Duration
		keep int64
	}{{a, 4 * time.Hour, 0}, {b, 4 * time.Hour, 0}, {a, 0, 6000}, {b, time.Minute, 0}, {b, 3 * time.Hour, 9000}} {
		before := s.now.Add(-tt.age)
		if tt.age == 0 {
			before = time.Time{}
		}
		rows, notes := s.count("events"), s.count("checkpoints")
		done, err := s.archive(tt.by, before, tt.keep)
		if err != nil || len(done.Logs) != 2 || done.Notes == 0 {
			t.Fatalf("round %d: %+v, %v", round, done, err)
		}
		gone := 0
		for _, l := range done.Logs {
			gone += int(l.Last-l.First) + 1
		}
		// of the first run the last record that was moved stays, in the others it takes the place of the one before
		if round == 0 {
			gone -= len(done.Logs)
		}
		if was := rows - s.count("events"); was != gone {
			t.Errorf("round %d: %d records are gone, %d were moved", round, was, gone)
		}
		if was := notes - s.count("checkpoints"); was != done.Notes {
			t.Errorf("round %d: %d notes are gone, %d were moved", round, was, done.Notes)
		}
		if kept := s.kept(); done.Kept != kept {
			t.Errorf("round %d: %d bytes are said to stay, %d do", round, done.Kept, kept)
		}
		if bad := s.bad(a, b); bad != "" {
			t.Errorf("round %d: what stays: %s", round, bad)
		}
		if got, want := s.moved(), fmt.Sprintf("gate-a 1-%d gate-b 1-%d", done.Logs[0].Last, done.Logs[1].Last); got != want {
			t.Errorf("round %d: moved %s, want %s", round, got, want)
		}
		for _, g := range s.gates {
			g.start()
		}
		s.hours(6, a, b)
		s.quiet()
	}
	for _, g := range s.gates {
		l := g.open()
		if l.Alarm() != "" {
			t.Errorf("%s starts with the alarm %s", g.name, l.Alarm())
		}
		audittest.Must(t, l.Close())
	}
}

// A gateway that was away while what it had seen was archived comes back and finds nothing wrong: neither in
// its log, nor in the notes.
func TestAGatewayThatWasAwayMeanwhile(t *testing.T) {
	s := newShop(t, "gate-a", "gate-b")
	a, b := s.gates[0], s.gates[1]
	s.hours(3, a, b)
	old, err := os.ReadFile(b.file("checkpoint")) // it was killed before it wrote the next one
	audittest.Must(t, err)
	s.hours(2, a, b)
	s.now = s.now.Add(48 * time.Hour)
	s.hours(4, a)
	a.write(5) // which the next note covers, an hour later: the last note that is moved ends before the last record
	s.now = s.now.Add(time.Hour)
	s.hours(1, a)
	if done, err := s.archive(a, s.now.Add(-90*time.Minute), 0); err != nil || len(done.Logs) != 2 || done.Notes < 7 {
		t.Fatalf("%+v, %v", done, err)
	}
	if bad := s.bad(a, b); bad != "" {
		t.Errorf("while it is away: %s", bad)
	}
	audittest.Must(t, os.WriteFile(b.file("checkpoint"), old, 0o600))
	l := b.open()
	if l.Alarm() != "" {
		t.Errorf("it starts with the alarm %s", l.Alarm())
	}
	audittest.Must(t, l.Close())
	audittest.Must(t, b.w.Round(t.Context())) // it was only stopped, and knows an old note
	b.start()
	s.hours(2, a, b)
	s.quiet()
	if bad := s.bad(a, b); bad != "" {
		t.Errorf("after it came back: %s", bad)
	}
}

// A log whose gateway is gone for good is moved but for its last record, and stays good when no note lists it.
func TestTheLogOfAGatewayThatIsGone(t *testing.T) {
	s := newShop(t, "gate-a", "gate-b")
	a, b := s.gates[0], s.gates[1]
	s.hours(2, a, b)
	s.now = s.now.Add(30 * time.Hour)
	s.hours(3, a)
	if _, err := s.archive(a, s.now.Add(-90*time.Minute), 0); err != nil {
		t.Fatal(err)
	}
	n := 0
	audittest.Must(t, s.db.Logs().Log("gate-b").Read(t.Context(), 1, func(store.Record) error { n++; return nil }))
	if bad := s.bad(a, b); bad != "" || n != 1 {
		t.Errorf("%d records of gate-b stay: %s", n, bad)
	}
	s.hours(2, a)
	s.quiet()
}

// A clock that was wrong for a while has what was written then stay, and with it the notes that cover it.
func TestALogWhoseClockWasWrong(t *testing.T) {
	s := newShop(t, "gate-a", "gate-b")
	a, b := s.gates[0], s.gates[1]
	s.hours(2, a, b)
	b.writeAt(1, s.now.Add(1000*time.Hour))
	s.hours(1, a, b)
	s.now = s.now.Add(30 * time.Hour)
	s.hours(3, a)
	done, err := s.archive(a, s.now.Add(-90*time.Minute), 0)
	if err != nil || len(done.Logs) != 2 || done.Logs[1].Last != 12 {
		t.Fatalf("%+v, %v", done, err)
	}
	if bad := s.bad(a, b); bad != "" {
		t.Error(bad)
	}
	s.hours(2, a)
	s.quiet()
	s.exec(`DELETE FROM @.events WHERE log = 'gate-b' AND seq > 13`)
	if bad := s.bad(a); !strings.Contains(bad, "records from 14 to") {
		t.Errorf("what stays was cut short, and the auditor says %q", bad)
	}
}

// What no note covers yet stays, however old it is.
func TestWhatNoNoteCoversStays(t *testing.T) {
	s := newShop(t, "gate-a")
	a := s.gates[0]
	s.hours(2, a)
	head, err := s.db.Logs().Log("gate-a").Last(t.Context())
	audittest.Must(t, err)
	a.write(3)
	done, err := s.archive(a, s.now.Add(time.Hour), 0)
	if err != nil || len(done.Logs) != 1 || done.Logs[0].Last != head.Seq {
		t.Errorf("%+v, %v; want up to %d", done, err, head.Seq)
	}
	if bad := s.bad(a); bad != "" {
		t.Error(bad)
	}
}

// Whoever can write the database and has no key can take nothing away as if it had been archived.
func TestWhatIsTakenAwayIsNotTakenForArchived(t *testing.T) {
	for _, tt := range []struct{ name, edit, bad string }{
		{"records of a log", `DELETE FROM @.events WHERE log = 'gate-b' AND seq < (SELECT max(seq) - 7 FROM @.events WHERE log = 'gate-b')`,
			"only those up to"},
		{"the anchor of a log", `DELETE FROM @.stored_values WHERE key = convert_to('audit/anchors/logs/' || encode('gate-b', 'hex'), 'UTF8')`,
			"nothing signed says that they were archived"},
		{"the anchor of another log", `UPDATE @.stored_values SET value = (SELECT value FROM @.stored_values
			WHERE key = convert_to('audit/anchors/logs/' || encode('gate-a', 'hex'), 'UTF8'))
			WHERE key = convert_to('audit/anchors/logs/' || encode('gate-b', 'hex'), 'UTF8')`, "nothing signed says that they were archived"},
		{"the record of the anchor", `DELETE FROM @.events WHERE log = 'gate-b' AND seq = (SELECT min(seq) + 1 FROM @.events WHERE log = 'gate-b')`,
			"is not there"},
		{"notes", `DELETE FROM @.checkpoints WHERE n < (SELECT max(n) FROM @.checkpoints)`, "over the logs is not the next one"},
		{"the anchor of the notes", `DELETE FROM @.stored_values WHERE key = 'audit/anchors/notes'`, "over the logs is not the next one"},
		{"the notes' anchor of a log", `UPDATE @.stored_values SET value = (SELECT value FROM @.stored_values
			WHERE key = convert_to('audit/anchors/logs/' || encode('gate-a', 'hex'), 'UTF8')) WHERE key = 'audit/anchors/notes'`,
			"over the logs is not the next one"},
		{"all notes", `DELETE FROM @.checkpoints`, "up to which the notes over the logs were archived is gone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, "gate-a", "gate-b")
			a, b := s.gates[0], s.gates[1]
			s.hours(6, a, b)
			if _, err := s.archive(a, s.now.Add(-3*time.Hour), 0); err != nil {
				t.Fatal(err)
			}
			s.hours(1, a, b)
			s.exec(tt.edit)
			if bad := s.bad(); !strings.Contains(bad, tt.bad) {
				t.Errorf("the auditor says %q, want %q", bad, tt.bad)
			}
			rows := s.count("events")
			var refused *retention.BadLogsError
			if done, err := s.archive(a, s.now, 0); !errors.As(err, &refused) || len(done.Logs) > 0 || s.count("events") != rows {
				t.Errorf("archived %+v, %v", done, err)
			}
		})
	}
}

// kept is how many bytes of records are in the database.
func (s *shop) kept() (n int64) {
	s.t.Helper()
	for _, g := range s.gates {
		audittest.Must(s.t, s.db.Logs().Log(g.name).Read(s.t.Context(), 1, func(r store.Record) error {
			n += int64(len(r.Body))
			return nil
		}))
	}
	return n
}

// A run that ends at any step leaves all good, and the next one takes it up.
func TestArchiveSharedThatWasInterrupted(t *testing.T) {
	broken := errors.New("broken")
	for step := range 8 {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			s := newShop(t, "gate-a", "gate-b")
			a, b := s.gates[0], s.gates[1]
			s.hours(5, a, b)
			left := step
			fails := func() error {
				if left--; left < 0 {
					return broken
				}
				return nil
			}
			_, err := retention.ArchiveShared(t.Context(), retention.SharedConfig{
				Logs: failingLogs{s.db.Logs(), fails}, Values: failingValues{s.db.Values(), fails}, Leases: s.db.Leases(), Owner: "x",
				Place: s.place, Notes: filepath.Join(s.to, "notes"), Key: a.key, Trust: s.trust(), Now: func() time.Time { return s.now },
				Before: s.now.Add(-2 * time.Hour),
			})
			if !errors.Is(err, broken) && step < 6 {
				t.Fatalf("%v", err)
			}
			if bad := s.bad(a, b); bad != "" {
				t.Errorf("what it left: %s", bad)
			}
			done, err := s.archive(b, s.now.Add(-2*time.Hour), 0)
			if err != nil {
				t.Fatal(err)
			}
			if kept := s.kept(); done.Kept != kept { // it counted what the run before had moved and not forgotten
				t.Errorf("%d bytes are said to stay, %d do", done.Kept, kept)
			}
			if bad := s.bad(a, b); bad != "" {
				t.Errorf("after the next one: %s", bad)
			}
			s.moved()
			if n := s.count("events"); n != 2*(2*6+1) { // two hours of each with a checkpoint record, and the anchor's
				t.Errorf("%d records stay", n)
			}
		})
	}
}

type failingLogs struct {
	store.Logs
	fails func() error
}

func (f failingLogs) Cut(ctx context.Context, log string, seq store.Seq) (int, error) {
	if err := f.fails(); err != nil {
		return 0, err
	}
	return f.Logs.Cut(ctx, log, seq)
}

func (f failingLogs) CutCheckpoints(ctx context.Context, n uint64) (int, error) {
	if err := f.fails(); err != nil {
		return 0, err
	}
	return f.Logs.CutCheckpoints(ctx, n)
}

type failingValues struct {
	store.Values
	fails func() error
}

func (f failingValues) Store(ctx context.Context, key string, value []byte) error {
	if err := f.fails(); err != nil {
		return err
	}
	return f.Values.Store(ctx, key, value)
}

// One process at a time archives, and one that lost its turn signs and forgets nothing more.
func TestOneArchivesAtATime(t *testing.T) {
	s := newShop(t, "gate-a")
	a := s.gates[0]
	s.hours(4, a)
	fence, err := s.db.Leases().Acquire(t.Context(), "audit-archive", "another", time.Hour)
	audittest.Must(t, err)
	if _, err := s.archive(a, s.now, 0); !errors.Is(err, store.ErrStale) {
		t.Errorf("beside another one: %v", err)
	}
	audittest.Must(t, s.db.Leases().Release(t.Context(), "audit-archive", fence))
	rows := s.count("events")
	_, err = retention.ArchiveShared(t.Context(), retention.SharedConfig{
		Logs: s.db.Logs(), Values: s.db.Values(), Leases: lostLease{s.db.Leases()}, Owner: "x", Place: s.place,
		Notes: filepath.Join(s.to, "notes"), Key: a.key, Trust: s.trust(), Now: func() time.Time { return s.now }, Before: s.now,
	})
	if !errors.Is(err, store.ErrStale) || s.count("events") != rows {
		t.Errorf("after its turn: %v", err)
	}
	if anchors, err := witness.StoredAnchors(t.Context(), s.db.Values()); err != nil || len(anchors.Logs) > 0 {
		t.Errorf("it signed %v, %v", anchors, err)
	}
}

// lostLease is taken over at once.
type lostLease struct{ store.Leases }

func (lostLease) Renew(context.Context, string, int64, time.Duration) error { return store.ErrStale }

// A folder that holds another log, or one with a gap, is left alone, and nothing is forgotten.
func TestAFolderWithOtherRecords(t *testing.T) {
	for _, tt := range []struct {
		name string
		lies func(s *shop)
		want string
	}{
		{"another log", func(s *shop) {
			out, err := files.Open(files.Config{Dir: s.place("gate-a").Dir})
			audittest.Must(s.t, err)
			c, head := chain.New(), chain.Digest{}
			var line []byte
			line, _ = c.AppendLine(line, 1, []byte(`,"kind":"verdict"`), head)
			audittest.Must(s.t, errors.Join(out.Append(s.t.Context(), []store.Record{{Seq: 1, Body: line}}), out.Close()))
		}, "name another folder"},
		{"a gap", func(s *shop) {
			first := s.to
			s.to = s.t.TempDir()
			_, err := s.archive(s.gates[0], s.now.Add(-3*time.Hour), 0)
			audittest.Must(s.t, err)
			out, err := files.Open(files.Config{Dir: filepath.Join(first, "gate-a", "audit")})
			audittest.Must(s.t, err)
			audittest.Must(s.t, errors.Join(out.Append(s.t.Context(), []store.Record{{Seq: 1, Body: []byte("x")}}), out.Close()))
			s.to = first
		}, "is the next one: name another folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, "gate-a")
			s.hours(6, s.gates...)
			tt.lies(s)
			rows := s.count("events")
			if _, err := s.archive(s.gates[0], s.now, 0); err == nil || !strings.Contains(err.Error(), tt.want) || s.count("events") != rows {
				t.Errorf("%v; want %s", err, tt.want)
			}
			if bad := s.bad(s.gates...); bad != "" {
				t.Error(bad)
			}
		})
	}
}
