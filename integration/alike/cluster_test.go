package alike_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// postgres starts a database server, and returns the configuration of a gateway of that name that keeps everything there,
// in a schema. It ends after the gateways of those servers.
func (w *network) postgres(all ...*server) (of func(node, schema string) string) {
	w.t.Helper()
	db, err := postgrestest.Start(w.t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		w.t.Skip(err)
	}
	check(w.t, err)
	w.t.Cleanup(func() {
		for _, s := range all {
			if s.stop != nil { // it says to the database that it leaves
				s.stop()
			}
		}
		check(w.t, db.Close())
	})
	key := filepath.Join(w.t.TempDir(), "cluster.key")
	check(w.t, os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600))
	return func(node, schema string) string {
		return fmt.Sprintf("store: postgres\ncluster:\n  node: %s\n  key_file: %q\n  lease: 3s\n  patience: 1s\n"+
			"  drain_notice: 10ms\n  postgres: { url: { value: %q }, schema: %s }\n", node, key, db.URL(), schema)
	}
}

// onPostgres has every server keep its state in a schema of its own.
func (w *network) onPostgres() {
	w.t.Helper()
	of := w.postgres(w.servers...)
	for i, s := range w.servers {
		s.more = of("gate", fmt.Sprint("server", i))
	}
}

// shared has the gateways of a server share a database, and returns its second gateway.
func (w *network) shared(s *server) (twin *server) {
	w.t.Helper()
	of := w.postgres(s)
	copied := *s
	twin = &copied
	twin.dir = w.t.TempDir()
	b, err := os.ReadFile(node.DataDir(s.dir).SyncKey())
	check(w.t, err)
	check(w.t, os.WriteFile(node.DataDir(twin.dir).SyncKey(), b, 0o600))
	s.more, twin.more = of("gate-a", "shared"), of("gate-b", "shared")
	twin.settle()
	return twin
}

// TestTwoGatewaysOfOneServer share a database and an engine. One reads the journal and sends, the other takes what
// comes; then the first is killed while people write on both sides, and the second does both. Each content travels
// once as long as both live, and no engine writes a change twice.
func TestTwoGatewaysOfOneServer(t *testing.T) {
	w := newNetwork(t, pairLinks)
	first, other := w.servers[0], w.servers[1]
	second := w.shared(first)
	between := &wire{seen: map[string]int{}}
	w.wires = map[int]string{0: between.before(w, second), 1: between.before(w, other)}
	w.launch(first, "", 0)
	until(t, "the first has begun", func() bool { _, err := order[exchange.Status](first, "status", exchange.Order{}); return err == nil })
	w.run(second)
	w.run(other)

	const edits = 40
	large := strings.Repeat("0123456789abcdef", 20_000)
	for i := range edits {
		first.write(fmt.Sprint("a", i), fmt.Sprint("text ", i))
		other.write(fmt.Sprint("b", i), fmt.Sprint("text ", i))
	}
	first.write("a-large", large)
	other.write("b-large", "of another "+large)
	all := func(rows int) {
		t.Helper()
		for _, s := range w.servers {
			until(t, fmt.Sprintf("server %d has %d rows", s.n, rows), func() bool { return s.rows() >= rows })
		}
	}
	all(2*edits + 2)
	if first.text("b-large") != "of another "+large || other.text("a-large") != large {
		t.Error("a large content is not what it was")
	}
	until(t, "nothing is on its way", func() bool { return backlog(second) == 0 && backlog(other) == 0 })
	if got := between.sent(); got != 2*edits {
		t.Errorf("%d small contents travelled, %d were needed", got, 2*edits)
	}

	for i := range edits {
		first.write(fmt.Sprint("c", i), "as it dies")
		if i == edits/2 {
			first.kill()
			first.stop = nil
		}
		other.write(fmt.Sprint("d", i), "as it dies")
	}
	all(4*edits + 2)
	second.write("a1", "after it died")
	until(t, "an edit arrives", func() bool { return other.text("a1") == "after it died" })
	until(t, "nothing is on its way", func() bool { return backlog(second) == 0 && backlog(other) == 0 })
	for _, s := range w.servers {
		twice := s.count(`SELECT count(*) FROM (SELECT tag FROM journal WHERE tag <> '' GROUP BY tag HAVING count(*) > 1)`)
		if rows := s.rows(); rows != 4*edits+3 || twice != 0 {
			t.Errorf("server %d wrote %d rows, %d changes twice; want %d and 0", s.n, rows, twice, 4*edits+3)
		}
		for i := range edits {
			if s.text(fmt.Sprint("c", i)) == "" || s.text(fmt.Sprint("d", i)) == "" {
				t.Errorf("server %d lacks c%d or d%d", s.n, i, i)
			}
		}
	}
	if st := second.status(); st.Conflicts != 0 || st.Dead != 0 {
		t.Errorf("status %+v", st)
	}
}

// TestTwoGatewaysDecideAtOnce: people approve on one gateway of a server and refuse on the other, about the same changes
// at the same time. What somebody was told that he refused is not in the engine, and everything else is.
func TestTwoGatewaysDecideAtOnce(t *testing.T) {
	w := newNetwork(t, pairLinks)
	w.peer = "deletes: true, approve: [article]"
	first, other := w.servers[0], w.servers[1]
	second := w.shared(first)
	w.run(first)
	w.run(second)
	w.run(other)
	const edits = 30
	for i := range edits {
		other.write(fmt.Sprint("a", i), "a text")
	}
	until(t, "all wait", func() bool { return len(second.waiting()) == edits })
	refused := 0
	for i, h := range second.waiting() {
		no := make(chan error)
		go func() {
			_, err := order[exchange.Done](second, "refuse", exchange.Order{ID: h.ID.String(), Reason: "no", Author: "bob", Overrule: i%2 == 0})
			no <- err
		}()
		done, err := order[exchange.Done](first, "approve", exchange.Order{ID: h.ID.String(), Author: "ann"})
		if <-no == nil {
			refused++
			if err == nil {
				t.Errorf("%s was refused, and approved: %+v", h.Object, done)
			}
		} else if err != nil || done.State != "applied" {
			t.Errorf("%s was not refused, nor applied: %+v, %v", h.Object, done, err)
		}
	}
	w.revive()
	until(t, "what was refused is a dead letter", func() bool { return other.status().Dead == refused && backlog(other) == 0 })
	if got := first.rows(); got != edits-refused || len(second.waiting()) > 0 {
		t.Errorf("the engine has %d rows, of %d changes %d were refused; %d wait", got, edits, refused, len(second.waiting()))
	}
}

// backlog is what a server is still to send.
func backlog(s *server) (n int) {
	for _, t := range s.status().Targets {
		n += t.Backlog
	}
	return n
}

// TestAGatewayThatIsAnotherServerDoesNotStart: gateways that share a database sign with one key.
func TestAGatewayThatIsAnotherServerDoesNotStart(t *testing.T) {
	w := newNetwork(t, pairLinks)
	second := w.shared(w.servers[0])
	w.run(w.servers[0])
	check(t, os.Remove(node.DataDir(second.dir).SyncKey()))
	check(t, os.WriteFile(second.file, []byte(w.configuration(second)), 0o600))
	c, problems := conf.Load(conf.Options{File: second.file})
	if conf.Fatal(problems) {
		t.Fatal(problems)
	}
	g, err := node.New(t.Context(), node.Config{Conf: c, Log: silent(), Version: "test"})
	if err == nil {
		check(t, g.Close())
	}
	if err == nil || !strings.Contains(err.Error(), "copy sync.key of one of them here") ||
		!strings.Contains(err.Error(), string(w.servers[0].id)) {
		t.Errorf("error %v", err)
	}
}

func silent() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}
