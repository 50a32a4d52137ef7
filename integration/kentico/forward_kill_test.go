package kentico_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// TestKilledWhereTasksAreKept: a gateway that dies by kill -9 on the way of a task loses none of which its sender was told
// that it is kept, and knows one that is handed in once more. A delivery that was sent and not written down is sent
// again, with the same result; nothing is stuck, and nothing looks like an edit of anybody.
func TestKilledWhereTasksAreKept(t *testing.T) {
	times := long(1, 10)
	for _, tt := range []struct {
		point   string
		victim  int // 0: the server where the edit is made
		known   int // changes, before it is handed in once more
		carried int // tasks for the one edit
	}{
		{"task recorded", 0, 0, 1},
		{"task kept", 0, 1, 1},
		{"delivery opened", 1, 1, 1},
		{"delivery carried out", 1, 1, 2},
	} {
		t.Run(tt.point, func(t *testing.T) {
			for range times {
				h := newHouse(t, twoKenticos)
				a, b := h.servers[0], h.servers[1]
				for i, s := range h.servers {
					h.launch(s, map[bool]string{true: tt.point}[i == tt.victim])
				}
				a.twin.edit("1", "of k0")
				waiting := a.twin.waiting()
				_, failed := a.twin.synchronize(t.Context())
				if (len(failed) > 0) != (tt.victim == 0) {
					t.Fatalf("failed %q", failed)
				}
				<-h.servers[tt.victim].process.Ended
				h.launch(h.servers[tt.victim], "")
				until(t, func() string { return fmt.Sprintf("%d changes are known", a.made()) }, func() bool { return a.made() == tt.known })
				if tt.known > 0 {
					h.arrives("1", "of k0")
				}
				if tt.victim == 0 { // its sender has it still, and a person tries again
					a.twin.wants(waiting)
				}
				if _, failed := h.handIn(); len(failed) > 0 {
					t.Errorf("once more: %q", failed)
				}
				h.arrives("1", "of k0")
				if n := h.carried(); n != tt.carried || a.made() != 1 {
					t.Errorf("%d tasks were carried out, %d changes are known", n, a.made())
				}
				b.twin.edit("1", "of k1")
				if _, failed := h.handIn(); len(failed) > 0 {
					t.Errorf("the answer: %q", failed)
				}
				h.arrives("1", "of k1")
				for _, s := range h.servers {
					if st := ordered[exchange.Status](s, "status", exchange.Order{}); st.Conflicts > 0 || st.Dead > 0 || s.made() != 2 {
						t.Errorf("%s: %d conflicts, %d dead, %d changes", s.name, st.Conflicts, st.Dead, s.made())
					}
					if err := s.process.Stop(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// arrives waits until everybody has a page, trying at once what waits, as an operator does.
func (h *house) arrives(guid, text string) {
	h.t.Helper()
	for _, s := range h.servers {
		until(h.t, func() string { return fmt.Sprintf("%s has %q of %s, not %q", s.name, s.twin.page(guid), guid, text) }, func() bool {
			for _, n := range s.peers {
				ordered[exchange.Done](h.servers[n], "retry", exchange.Order{Target: string(s.id)})
			}
			return s.twin.page(guid) == text
		})
	}
	h.quiet()
}

// TestAHubWithoutAKentico passes on what Kenticos say to each other, deletions and conflicts too, and its engine never
// hears of it.
func TestAHubWithoutAKentico(t *testing.T) {
	h := emptyHouse(t)
	const token = "0123456789abcdef"
	e, err := engine.New(engine.Config{Dir: t.TempDir(), Build: "7413", CompanyID: 20097, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateSite(t.Context(), content.Site{ID: 20121, Name: "Main"}); err != nil {
		t.Fatal(err)
	}
	commands := httptest.NewServer(e.Commands(token))
	t.Cleanup(func() {
		commands.Close()
		_ = e.Close()
	})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	h.engine = fmt.Sprintf("{ url: %q, token_file: %q }", commands.URL, file)
	hub := h.add(nil, []int{1, 2})
	for n := 1; n <= 2; n++ {
		w := newTwin(t, fmt.Sprint("k", n))
		w.Logging, w.Ticking = true, true
		h.add(w, []int{0})
	}
	h.start()
	a, b := h.servers[1], h.servers[2]
	const pages = 40
	for i := range pages {
		h.servers[1+i%2].twin.edit(fmt.Sprint("page-", i), "text")
	}
	if sent, failed := h.handIn(); sent != pages || len(failed) > 0 {
		t.Fatalf("%d tasks, failed %q", sent, failed)
	}
	for i := range pages {
		h.everywhere(fmt.Sprint("page-", i), "text")
	}
	b.twin.remove("page-0")
	h.handIn()
	h.everywhere("page-0", "")
	h.quiet()
	if n := h.carried(); n != pages+1 || hub.made() != pages+1 {
		t.Errorf("%d tasks were carried out, the hub knows of %d changes", n, hub.made())
	}
	for _, s := range []*kept{a, b} {
		c := ordered[exchange.Comparison](hub, "compare", exchange.Order{Target: string(s.id)})
		if c.Same != pages-1 || len(c.Differences) > 0 {
			t.Errorf("the hub and %s: %+v", s.name, c)
		}
	}
	var rows int
	if err := e.QueryRowContext(t.Context(), `SELECT count(*) FROM journal`).Scan(&rows); err != nil || rows > 0 {
		t.Errorf("the engine of the hub heard of %d: %v", rows, err)
	}
	b.twin.edit("page-1", "of k2") // is handed in when another's came
	a.twin.edit("page-1", "of k1")
	for _, s := range []*kept{a, b} {
		if _, failed := s.twin.synchronize(t.Context()); len(failed) > 0 {
			t.Errorf("failed %q", failed)
		}
		if s == a {
			h.everywhere("page-1", "of k1")
		}
	}
	for _, s := range h.servers {
		until(t, func() string { return s.name + " sees a conflict" }, func() bool {
			return len(ordered[[]exchange.Conflict](s, "conflicts", exchange.Order{})) == 1
		})
	}
}

// TestAFileIsCarried with its bytes, which are more than travels with a change itself.
func TestAFileIsCarried(t *testing.T) {
	h := newHouse(t, twoKenticos).start()
	a, b := h.servers[0], h.servers[1]
	bytes := base64.StdEncoding.EncodeToString(append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 300_000)...))
	data := "<NewDataSet><Media_File><FileID>4</FileID><FileGUID>F-1</FileGUID><FileName>a</FileName><FileExtension>.png</FileExtension>" +
		"<FilePath>x/a.png</FilePath><FileModifiedWhen>2020-01-01T00:00:00Z</FileModifiedWhen></Media_File>" +
		"<ObjectTranslation><ObjectType>cms.site</ObjectType><ID>1</ID><CodeName>Shop</CodeName></ObjectTranslation></NewDataSet>"
	binary := "<NewDataSet><BinaryData><FileName>a.png</FileName><FileType>default</FileType><FileBinaryData>" + bytes +
		"</FileBinaryData></BinaryData></NewDataSet>"
	to := a.twin.targets[0]
	status, reason, body := to.call(t.Context(), message("own", "own password", "CreateObject", "media.file", data, binary, ""))
	if got := said(status, reason, body); got != "" {
		t.Fatal(got)
	}
	until(t, func() string { return "the file arrives" }, func() bool { return len(b.twin.calls()) == 1 })
	h.quiet()
	if got := b.twin.calls()[0]; got.Type != "CreateObject" || got.Object != "media.file" || got.Binary != binary {
		t.Errorf("%s %s, %d bytes", got.Type, got.Object, len(got.Binary))
	}
	log := ordered[[]exchange.Event](b, "log", exchange.Order{})
	if len(log) != 1 || log[0].Object != "shop/kentico.media.file/f-1" || log[0].Size < 400_000 {
		t.Errorf("%+v", log)
	}
}

// TestStoreAndForwardOnPostgres: the same of servers that keep their state in a database.
func TestStoreAndForwardOnPostgres(t *testing.T) {
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, twoKenticos)
	t.Cleanup(func() {
		for _, s := range h.servers {
			if s.stop != nil { // it says to the database that it leaves
				s.stop()
			}
		}
		_ = db.Close()
	})
	key := filepath.Join(t.TempDir(), "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, s := range h.servers {
		s.more += fmt.Sprintf("store: postgres\ncluster:\n  node: gate%d\n  key_file: %q\n  drain_notice: 10ms\n"+
			"  postgres: { url: { value: %q }, schema: server%d }\n", i, key, db.URL(), i)
	}
	h.start().manyChanges(2, 20)
}
