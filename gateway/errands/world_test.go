package errands_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/errands"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/store/blobs"
	journal "github.com/stagelock/stagelock/store/errands"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/source"
	words "github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

const assembly = "CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9"

// kentico is a server that takes tasks, and says what a test wants.
type kentico struct {
	*httptest.Server
	mu     sync.Mutex
	got    []syncserver.Task
	says   syncserver.Reply
	answer func(w http.ResponseWriter) // nil: says
	now    time.Time                   // on its clock
}

func (k *kentico) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	secret, _ := token.NewSecret("behind")
	peer := syncserver.Peer{Name: "gate", User: "staging", Secret: secret, Assembly: assembly, Upstream: "nobody", Deletes: true,
		Tables: map[string][]string{"": {"Shop_Page"}}}
	a, err := peer.Admit(r.Body, time.Now(), func([16]byte) (bool, error) { return true, nil })
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	k.got = append(k.got, a.Task)
	w.Header().Set("Date", k.now.UTC().Format(http.TimeFormat))
	if k.answer != nil {
		k.answer(w)
		return
	}
	out := syncserver.Forwarded(k.says, "urn:a", "urn:b", "urn:c")
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(out.Status)
	_, _ = w.Write(out.Body)
}

// say has it answer so from now on.
func (k *kentico) say(answer func(w http.ResponseWriter), says syncserver.Reply) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answer, k.says = answer, says
}

// at sets its clock.
func (k *kentico) at(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = now
}

func (k *kentico) tasks() []syncserver.Task {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]syncserver.Task{}, k.got...)
}

// noon is when it is noon on the server's clock, which is another than the gateway's.
var noon = time.Date(2020, 2, 3, 12, 0, 0, 0, time.UTC)

// world is a Source between a store and a server.
type world struct {
	*errands.Source
	t       *testing.T
	kentico *kentico
	link    *tasks.Link
	journal journal.Book
	shelf   *blobs.Shelf
	now     time.Time
	open    func() *errands.Source
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, kentico: &kentico{now: noon}, now: time.Now()}
	w.kentico.Server = httptest.NewServer(w.kentico)
	t.Cleanup(w.kentico.Close)
	dir := t.TempDir()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"), sqlite.WithClock(func() time.Time { return w.now }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	folder, err := blobs.Open(filepath.Join(dir, "contents"))
	if err != nil {
		t.Fatal(err)
	}
	w.journal, w.shelf = journal.NewBook(db), blobs.NewShelf(db, folder)
	secret, err := token.NewSecret("behind")
	if err != nil {
		t.Fatal(err)
	}
	w.link = &tasks.Link{Kept: true,
		Peer: syncserver.Peer{Name: "live", User: "own", Assembly: assembly, Upstream: syncserver.Gateway, Deletes: true,
			Tables: map[string][]string{"": {"Shop_Page"}}},
		To: &tasks.Target{Server: "live", Path: "/x" + syncserver.Path, To: "https://live", User: "staging", Secret: secret, Assembly: assembly,
			Open: tasks.Gateway(forward.New(forward.Config{Addr: w.kentico.Listener.Addr().String(), MaxReply: 1 << 20}), "live")},
	}
	w.open = func() *errands.Source { return w.source(func() *tasks.Link { return w.link }) }
	w.Source = w.open()
	return w
}

func (w *world) source(link func() *tasks.Link) *errands.Source {
	return w.gateway("gate", link, nil)
}

// gateway is one of those that share the store.
func (w *world) gateway(owner string, link func() *tasks.Link, pause func(point string)) *errands.Source {
	s, err := errands.New(errands.Config{Journal: w.journal, Blobs: w.shelf, Link: link, Owner: owner, AtOnce: 2, Pause: pause,
		Travels: func(o words.Object) bool { return !strings.HasSuffix(string(o), "/nobody") },
		Now:     func() time.Time { return w.now }, NewID: func() string { return "id" },
		Names: func(_ context.Context, all []words.ServerID) (names []string) {
			for _, s := range all {
				names = append(names, strings.ToLower(string(s)))
			}
			return names
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// page is a task about a page, which was edited so long after noon; never: no time.
const never = time.Duration(1 << 62)

func page(kind, guid, text string, at time.Duration) syncserver.Task {
	row := syncserver.Row{Table: "CMS_Document", Columns: []syncserver.Column{{Name: "DocumentID", Value: "7"}, {Name: "DocumentGUID", Value: guid},
		{Name: "DocumentName", Value: text}}}
	if at != never {
		row.Columns = append(row.Columns, syncserver.Column{Name: "DocumentModifiedWhen", Value: noon.Add(at).Format(time.RFC3339Nano)})
	}
	return syncserver.Task{Type: kind, Data: syncserver.Dataset{Root: "NewDataSet", Rows: []syncserver.Row{row}},
		UserName: syncserver.Text{Set: true, Value: "editor"}, Servers: []string{"live"}}
}

func object(guid string) words.Object { return words.Object("global/kentico.document/" + guid) }

func (w *world) keep(t syncserver.Task) {
	w.t.Helper()
	if err := w.Keep(w.t.Context(), t); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rows() []source.Row {
	w.t.Helper()
	all, err := w.Changes(w.t.Context(), 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// newest is the number of the newest row of a page.
func (w *world) newest(guid string) (seq int64) {
	for _, r := range w.rows() {
		if r.Object == object(guid) {
			seq = r.Seq
		}
	}
	return seq
}

// document keeps a document and returns it.
func (w *world) document(t syncserver.Task) string {
	w.t.Helper()
	t.Servers = nil
	text := t.Document(assembly)
	if _, _, err := w.shelf.Put(w.t.Context(), strings.NewReader(text)); err != nil {
		w.t.Fatal(err)
	}
	return text
}

// deliver carries a page to the server.
func (w *world) deliver(guid, text, tag string) (int64, error) {
	w.t.Helper()
	doc := w.document(page("UpdateDocument", guid, text, -time.Hour))
	f := source.Facts{Title: text, Author: "editor", Servers: []words.ServerID{"DEV", "LIVE", "no name"}}
	return w.Apply(w.t.Context(), object(guid), w.newest(guid), tag, f, strings.NewReader(doc))
}

func (w *world) delivered(guid, text, tag string) int64 {
	w.t.Helper()
	seq, err := w.deliver(guid, text, tag)
	if err != nil {
		w.t.Fatal(err)
	}
	return seq
}

func read(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// says is a list of rows in short.
func says(rows []source.Row) string {
	var out []string
	for _, r := range rows {
		_, _, id := r.Object.Parts()
		line := id + ":" + r.Tag
		if r.Deleted {
			line += " gone"
		}
		if r.Missed != "" {
			line += " missed " + r.Missed
		}
		if r.Unsure {
			line += " unsure"
		}
		out = append(out, line)
	}
	return fmt.Sprint(strings.Join(out, ", "))
}
