package errands_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/errands"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/store"
	journal "github.com/stagelock/stagelock/store/errands"
	"github.com/stagelock/stagelock/tunnel/source"
	words "github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// TestWhatIsHandedInIsAnEdit: each task is a row with a document of its own, without the servers that it named.
func TestWhatIsHandedInIsAnEdit(t *testing.T) {
	w := newWorld(t)
	w.keep(page("UpdateDocument", "a", "first", 0))
	w.keep(page("UpdateDocument", "a", "second", time.Second))
	w.keep(page("UpdateDocument", "a", "first", 0)) // once more: its answer was lost
	rows := w.rows()
	if says(rows) != "a:, a:" {
		t.Fatalf("rows %s", says(rows))
	}
	for i, text := range []string{"first", "second"} {
		r, f, err := w.Recorded(t.Context(), rows[i].Seq)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.link.Peer.Read(read(t, r))
		if err != nil || got.Servers != nil || got.Data.Rows[0].Columns[2].Value != text || got.UserName.Value != "editor" ||
			f.Title != text || f.Author != "editor" || f.Seq != rows[i].Seq {
			t.Errorf("row %d: %+v, %+v, %v", i, got, f, err)
		}
	}
	r, f, err := w.Content(t.Context(), object("a"))
	if err != nil || f.Seq != rows[1].Seq || !strings.Contains(read(t, r), "second") {
		t.Errorf("now: %+v, %v", f, err)
	}
	if r, f, err := w.Content(t.Context(), object("never")); r != nil || err != nil || !f.Deleted || f.Seq != 0 {
		t.Errorf("of what never was: %+v, %v", f, err)
	}
	if len(w.kentico.tasks()) > 0 {
		t.Error("something was sent")
	}
}

// TestWhatCannotBeKeptIsRefused, in words for its sender: what cannot be named, and what nobody would ever get.
func TestWhatCannotBeKeptIsRefused(t *testing.T) {
	w := newWorld(t)
	var r *refusal.Error
	if err := w.Keep(t.Context(), page("UpdateDocument", "nobody", "x", 0)); !errors.As(err, &r) || !strings.Contains(r.Why, "nobody takes") {
		t.Errorf("what nobody takes is kept: %v", err)
	}
	for _, task := range []syncserver.Task{page("UpdateDocument", "", "x", 0), page("DeleteAllCultures", "a", "x", 0)} {
		if err := w.Keep(t.Context(), task); !errors.As(err, &r) {
			t.Errorf("kept: %v", err)
		}
		if _, err := w.Echo(t.Context(), task, false); !errors.As(err, &r) {
			t.Errorf("an echo: %v", err)
		}
	}
	if len(w.rows()) > 0 {
		t.Errorf("rows %s", says(w.rows()))
	}
}

// TestADelivery is one task with the names of those that have it, and one row with the tag.
func TestADelivery(t *testing.T) {
	w := newWorld(t)
	w.keep(page("UpdateDocument", "a", "mine", 0))
	before := w.newest("a")
	seq := w.delivered("a", "theirs", "t1")
	got := w.kentico.tasks()
	if len(got) != 1 || fmt.Sprint(got[0].Servers) != "[dev stagelock]" || got[0].Data.Rows[0].Columns[2].Value != "theirs" {
		t.Fatalf("%+v", got)
	}
	if says(w.rows()) != "a:, a:t1" || w.newest("a") != seq {
		t.Errorf("rows %s", says(w.rows()))
	}
	doc := w.document(page("UpdateDocument", "a", "theirs", -time.Hour))
	again, err := w.Apply(t.Context(), object("a"), before, "t1", source.Facts{}, strings.NewReader(doc))
	if err != nil || again != seq || len(w.kentico.tasks()) != 1 {
		t.Errorf("a repeat: row %d, %v, %d tasks", again, err, len(w.kentico.tasks()))
	}
	if _, err := w.Apply(t.Context(), object("a"), before, "t2", source.Facts{}, strings.NewReader(doc)); !errors.Is(err, source.ErrMoved) {
		t.Errorf("of what moved: %v", err)
	}
	if len(w.kentico.tasks()) != 1 || says(w.rows()) != "a:, a:t1" {
		t.Errorf("%d tasks, rows %s", len(w.kentico.tasks()), says(w.rows()))
	}
}

func TestWhatTheServerSaysOfADelivery(t *testing.T) {
	for _, tt := range []struct {
		name      string
		answer    func(w http.ResponseWriter)
		says      syncserver.Reply
		unchanged bool
		failed    bool // as it says
		text      string
	}{
		{"why not", nil, syncserver.Reply{Result: "no\nparent"}, true, true, "live says: no parent"},
		{"a fault", nil, syncserver.Reply{Fault: "Server was unable"}, true, true, "live says: Server was unable"},
		{"a page", func(w http.ResponseWriter) { http.NotFound(w, nil) }, syncserver.Reply{}, false, false, "may have been carried out"},
		{"nothing", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, syncserver.Reply{}, false, false, "may have been carried out"},
		{"a gateway that refuses", func(w http.ResponseWriter) {
			w.Header().Set("X-Stagelock-Reference", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, syncserver.Reply{}, true, false, "did not take it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.kentico.say(tt.answer, tt.says)
			_, err := w.deliver("a", "theirs", "t1")
			if err == nil || source.Unchanged(err) != tt.unchanged || errors.Is(err, source.ErrFailed) != tt.failed || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("error %v", err)
			}
			if len(w.rows()) > 0 {
				t.Errorf("rows %s", says(w.rows()))
			}
			open, err := w.journal.Last(t.Context(), object("a"), 0, 10)
			if err != nil || (len(open) > 0) == tt.unchanged {
				t.Errorf("%d open, %v", len(open), err)
			}
			w.kentico.say(nil, syncserver.Reply{})
			w.delivered("a", "theirs", "t1") // once more with the same tag
			if len(w.kentico.tasks()) != 2 || says(w.rows()) != "a:t1" {
				t.Errorf("%d tasks, rows %s", len(w.kentico.tasks()), says(w.rows()))
			}
		})
	}
}

// TestWhoWaitsGoesAway: a neighbour that waits no longer does not cut off what the server is carrying out.
func TestWhoWaitsGoesAway(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.kentico.say(func(rw http.ResponseWriter) {
		cancel()
		out := syncserver.Forwarded(syncserver.Reply{}, "urn:a", "urn:b", "urn:c")
		_, _ = rw.Write(out.Body)
	}, syncserver.Reply{})
	doc := w.document(page("UpdateDocument", "a", "theirs", 0))
	if _, err := w.Apply(ctx, object("a"), 0, "t1", source.Facts{}, strings.NewReader(doc)); err != nil || says(w.rows()) != "a:t1" {
		t.Errorf("%v, rows %s", err, says(w.rows()))
	}
	if _, err := w.Apply(ctx, object("b"), 0, "t2", source.Facts{}, strings.NewReader(doc)); err == nil || len(w.kentico.tasks()) != 1 {
		t.Errorf("begun for nobody: %v, %d tasks", err, len(w.kentico.tasks()))
	}
}

func TestAServerThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.kentico.Close()
	_, err := w.deliver("a", "theirs", "t1")
	if !errors.Is(err, source.ErrUntouched) || errors.Is(err, source.ErrFailed) || len(w.rows()) > 0 {
		t.Errorf("%v, rows %s", err, says(w.rows()))
	}
}

// TestWhatMayNotBeCarried is refused before the server hears of it: a neighbour is trusted no more than the server itself.
func TestWhatMayNotBeCarried(t *testing.T) {
	w := newWorld(t)
	good := page("UpdateDocument", "a", "x", 0)
	foreign := good
	foreign.Data.Rows = append([]syncserver.Row{{Table: "CMS_User", Columns: []syncserver.Column{{Name: "UserName", Value: "x"}}}}, good.Data.Rows...)
	path := page("UpdateDocument", "a", "x", 0)
	path.Data.Rows[0].Columns = append(path.Data.Rows[0].Columns, syncserver.Column{Name: "FilePath", Value: "../x"})
	for _, tt := range []struct {
		name, object, tag, document, says string
		facts                             source.Facts
	}{
		{"another object", "b", "t", good.Document(assembly), "is about global/kentico.document/a", source.Facts{}},
		{"a task that deletes", "a", "t", page("DeleteDocument", "a", "x", 0).Document(assembly), "is about", source.Facts{}},
		{"rows of users", "a", "t", foreign.Document(assembly), "CMS_User", source.Facts{}},
		{"a path that climbs", "a", "t", path.Document(assembly), "FilePath", source.Facts{}},
		{"another version", "a", "t", good.Document(strings.Replace(assembly, "13.0.13.0", "12.0.0.0", 1)), "assembly", source.Facts{}},
		{"no task", "a", "t", "<p>Hello</p>", "envelope", source.Facts{}},
		{"two of one", "a", "t", good.Document(assembly), "one object as two", source.Facts{Rename: "x (2)"}},
		{"nobody's", "a", "", good.Document(assembly), "one object as two", source.Facts{}},
		{"what deletes is not known", "a", "t", "", "delete it by hand", source.Facts{Deleted: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.Apply(t.Context(), object(tt.object), 0, tt.tag, tt.facts, strings.NewReader(tt.document))
			var invalid *source.Invalid
			if !errors.As(err, &invalid) || !strings.Contains(invalid.Text, tt.says) {
				t.Errorf("error %v", err)
			}
			if len(w.kentico.tasks()) > 0 || len(w.rows()) > 0 {
				t.Errorf("%d tasks, rows %s", len(w.kentico.tasks()), says(w.rows()))
			}
		})
	}
}

// TestADeletion is made of what was put last, and of nothing is said once more that the server did itself.
func TestADeletion(t *testing.T) {
	w := newWorld(t)
	w.delivered("a", "theirs", "t1")
	gone := source.Facts{Deleted: true}
	if _, err := w.Apply(t.Context(), object("a"), w.newest("a"), "t2", gone, nil); err != nil {
		t.Fatal(err)
	}
	got := w.kentico.tasks()
	if len(got) != 2 || got[1].Type != "DeleteDocument" || got[1].Data.Rows[0].Columns[1].Value != "a" || got[1].Binary.Root != "" {
		t.Fatalf("%+v", got)
	}
	if _, err := w.Apply(t.Context(), object("a"), w.newest("a"), "t3", gone, nil); err != nil || len(w.kentico.tasks()) != 2 {
		t.Errorf("deleted twice: %v, %d tasks", err, len(w.kentico.tasks()))
	}
	w.keep(page("UpdateDocument", "b", "mine", 0))
	w.keep(page("DeleteDocument", "b", "mine", 0))
	if says(w.rows()) != "a:t1, a:t2 gone, a:t3 gone, b:, b: gone" {
		t.Errorf("rows %s", says(w.rows()))
	}
	if r, f, err := w.Recorded(t.Context(), w.newest("b")); r != nil || err != nil || !f.Deleted {
		t.Errorf("%+v, %v", f, err)
	}
	w.link.Peer.Deletes = false
	w.keep(page("UpdateDocument", "c", "mine", 0))
	var invalid *source.Invalid
	if _, err := w.Apply(t.Context(), object("c"), w.newest("c"), "t4", gone, nil); !errors.As(err, &invalid) || len(w.kentico.tasks()) != 2 {
		t.Errorf("one that may not be: %v", err)
	}
}

func TestEchoes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		task  syncserver.Task
		named bool
		later time.Duration
		want  bool
	}{
		{"what was carried", page("UpdateDocument", "a", "theirs", time.Minute), false, 0, true},
		{"ten minutes later", page("UpdateDocument", "a", "theirs", time.Minute), false, 10*time.Minute + time.Second, false},
		{"that names the gateway, an hour later", page("UpdateDocument", "a", "theirs", time.Minute), true, time.Hour, true},
		{"an edit", page("UpdateDocument", "a", "mine", time.Minute), false, 0, false},
		{"an edit that names the gateway", page("UpdateDocument", "a", "mine", time.Minute), true, 0, false},
		{"another page", page("UpdateDocument", "b", "theirs", time.Minute), false, 0, false},
		{"a deletion", page("DeleteDocument", "a", "theirs", time.Minute), false, 0, false},
		{"what was carried before the last", page("UpdateDocument", "a", "former", time.Minute), false, 0, false},
		{"what was carried before the last, and names the gateway", page("UpdateDocument", "a", "former", time.Minute), true, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.delivered("a", "former", "t0")
			w.delivered("a", "theirs", "t1")
			w.now = w.now.Add(tt.later)
			for _, s := range []*errands.Source{w.Source, w.open()} { // the second as after a restart
				if got, err := s.Echo(t.Context(), tt.task, tt.named); err != nil || got != tt.want {
					t.Errorf("%t, %v", got, err)
				}
			}
		})
	}
}

// TestAnEchoThatIsFasterThanTheAnswer: the server hands in what it was carried before it says that it has it.
func TestAnEchoThatIsFasterThanTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.kentico.say(func(rw http.ResponseWriter) {
		echo, err := w.Echo(context.Background(), page("UpdateDocument", "a", "theirs", time.Minute), false)
		if !echo || err != nil {
			t.Errorf("%t, %v", echo, err)
		}
		out := syncserver.Forwarded(syncserver.Reply{}, "urn:a", "urn:b", "urn:c")
		_, _ = rw.Write(out.Body)
	}, syncserver.Reply{})
	w.delivered("a", "theirs", "t1")
}

// TestWhoSawWhat: an edit that was made before a delivery, or may have been, does not stand on top of it.
func TestWhoSawWhat(t *testing.T) {
	for _, tt := range []struct {
		name string
		task syncserver.Task
		want string
	}{
		{"an edit long before", page("UpdateDocument", "a", "mine", -time.Hour), "a: missed t1"},
		{"an edit long after", page("UpdateDocument", "a", "mine", time.Hour), "a:"},
		{"an edit in the second of the delivery", page("UpdateDocument", "a", "mine", 100*time.Millisecond), "a: missed t1 unsure"},
		{"an edit a second later", page("UpdateDocument", "a", "mine", time.Second), "a:"},
		{"an edit at some time", page("UpdateDocument", "a", "mine", never), "a: missed t1 unsure"},
		{"the same edit", page("UpdateDocument", "a", "theirs", never), "a:"},
		{"a deletion of what was delivered", page("DeleteDocument", "a", "theirs", -time.Hour), "a: gone"},
		{"a deletion of what was there before", page("DeleteDocument", "a", "old", -time.Hour), "a: gone missed t1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.delivered("a", "theirs", "t1")
			w.keep(tt.task)
			if got := says(w.rows()); got != "a:t1, "+tt.want {
				t.Errorf("rows %s, want %s", got, tt.want)
			}
		})
	}
}

// TestSeveralDeliveriesWereMissed: the oldest of them is named, so that none is overwritten.
func TestSeveralDeliveriesWereMissed(t *testing.T) {
	w := newWorld(t)
	w.delivered("a", "1", "t1")
	w.kentico.at(noon.Add(time.Hour))
	w.delivered("a", "2", "t2")
	w.kentico.at(noon.Add(2 * time.Hour))
	w.delivered("a", "3", "t3")
	w.keep(page("UpdateDocument", "a", "mine", time.Minute))
	if got := says(w.rows()); got != "a:t1, a:t2, a:t3, a: missed t2" {
		t.Errorf("rows %s", got)
	}
}

// TestAnEditBesideADeliveryOfWhichNobodyKnows: nobody knows what the server has then.
func TestAnEditBesideADeliveryOfWhichNobodyKnows(t *testing.T) {
	w := newWorld(t)
	w.kentico.say(func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, syncserver.Reply{})
	if _, err := w.deliver("a", "theirs", "t1"); err == nil {
		t.Fatal("it is known")
	}
	w.keep(page("UpdateDocument", "a", "mine", time.Hour))
	if got := says(w.rows()); got != "a: unsure" {
		t.Errorf("rows %s", got)
	}
}

// TestAServerWithoutAKentico keeps what is for others as it came.
func TestAServerWithoutAKentico(t *testing.T) {
	w := newWorld(t)
	engine := &engine{}
	s := errands.Split{Engine: engine, Errands: w.source(nil)}
	o := object("a")
	seq, err := s.Apply(t.Context(), o, 0, "t1", source.Facts{Title: "x"}, strings.NewReader("anything"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Apply(t.Context(), o, 0, "t1", source.Facts{}, strings.NewReader("anything")); err != nil || again != seq {
		t.Errorf("a repeat: %d, %v", again, err)
	}
	if _, err := s.Apply(t.Context(), o, 0, "t2", source.Facts{}, strings.NewReader("else")); !errors.Is(err, source.ErrMoved) {
		t.Errorf("of what moved: %v", err)
	}
	if _, err := s.Apply(t.Context(), o, seq, "t3", source.Facts{Deleted: true}, nil); err != nil {
		t.Errorf("a deletion: %v", err)
	}
	if _, f, err := s.Content(t.Context(), o); err != nil || !f.Deleted {
		t.Errorf("%+v, %v", f, err)
	}
	if engine.asked > 0 || len(w.kentico.tasks()) > 0 {
		t.Errorf("the engine was asked %d times, %d tasks", engine.asked, len(w.kentico.tasks()))
	}
	all := []source.Application{{Object: "s/page/a", Tag: "t"}, {Object: object("b"), Tag: "t", Content: []byte("x")}}
	done, err := s.ApplyAll(t.Context(), all)
	if err != nil || len(done) != 2 || done[0].Seq != 99 || done[1].Err != nil || done[1].Seq == 99 || engine.asked != 1 {
		t.Errorf("%+v, %v, asked %d", done, err, engine.asked)
	}
	if rows, err := s.Changes(t.Context(), 0, 10); err != nil || len(rows) != 1 || rows[0].Object != "s/page/e" {
		t.Errorf("%+v, %v", rows, err)
	}
	if _, err := s.Contents(t.Context(), []words.Object{"s/page/a"}, 1); !errors.Is(err, source.ErrSingly) {
		t.Errorf("an engine that reads one at a time: %v", err)
	}
}

// engine is one that takes one object at a time.
type engine struct {
	source.Source
	asked int
}

func (e *engine) Apply(context.Context, words.Object, int64, string, source.Facts, io.Reader) (int64, error) {
	e.asked++
	return 99, nil
}

func (e *engine) Changes(context.Context, int64, int) ([]source.Row, error) {
	return []source.Row{{Seq: 1, Object: "s/page/e"}}, nil
}

// TestTheFirstRowBehindAnother is what an intent is settled by; none is no error.
func TestTheFirstRowBehindAnother(t *testing.T) {
	w := newWorld(t)
	w.keep(page("UpdateDocument", "a", "mine", 0))
	w.keep(page("UpdateDocument", "b", "mine", 0))
	seq := w.delivered("a", "theirs", "t1")
	if r, err := w.First(t.Context(), object("a"), 1); err != nil || r != (source.Row{Seq: seq, Object: object("a"), Tag: "t1", Author: "editor"}) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := w.First(t.Context(), object("a"), seq); err != nil || r != (source.Row{}) {
		t.Errorf("none: %+v, %v", r, err)
	}
}

// TestWhatIsSwitchedOff: a gateway whose configuration has no Kentico any more writes down nothing as carried.
func TestWhatIsSwitchedOff(t *testing.T) {
	w := newWorld(t)
	w.Source = w.source(func() *tasks.Link { return nil })
	if _, err := w.deliver("a", "theirs", "t1"); !errors.Is(err, source.ErrUntouched) || len(w.rows()) > 0 {
		t.Errorf("%v, rows %s", err, says(w.rows()))
	}
	if err := w.Keep(t.Context(), page("UpdateDocument", "a", "x", 0)); err == nil || len(w.rows()) > 0 {
		t.Errorf("kept: %v", err)
	}
}

// TestADeliveryThatAnotherGatewayIsAt is not begun, and what the other does is not touched.
func TestADeliveryThatAnotherGatewayIsAt(t *testing.T) {
	w := newWorld(t)
	row := journal.Row{Object: object("a"), Tag: "t1", Digest: words.DigestOf([]byte("x")), Size: 1}
	seq, _, err := w.journal.Begin(t.Context(), row, 0, "another", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.deliver("a", "theirs", "t1"); !errors.Is(err, source.ErrUnderWay) || !source.Unchanged(err) || len(w.kentico.tasks()) > 0 {
		t.Errorf("%v, %d tasks", err, len(w.kentico.tasks()))
	}
	if open, err := w.journal.Last(t.Context(), object("a"), 0, 10); err != nil || len(open) != 1 || open[0].Seq != seq || !open[0].Open {
		t.Errorf("%+v, %v", open, err)
	}
}

// TestAGatewayThatWakesLateSendsNothing: another one took its delivery over, and the server has a newer change since.
func TestAGatewayThatWakesLateSendsNothing(t *testing.T) {
	w := newWorld(t)
	link := func() *tasks.Link { return w.link }
	other := w.gateway("other", link, nil)
	doc := w.document(page("UpdateDocument", "a", "theirs", 0))
	frozen := w.gateway("gate", link, func(point string) {
		if point != "delivery opened" {
			return
		}
		w.now = w.now.Add(3 * time.Minute)
		if _, err := other.Apply(t.Context(), object("a"), 0, "t1", source.Facts{}, strings.NewReader(doc)); err != nil {
			t.Error(err)
		}
		w.Source = other
		w.delivered("a", "newer", "t2")
	})
	_, err := frozen.Apply(t.Context(), object("a"), 0, "t1", source.Facts{}, strings.NewReader(doc))
	if source.Unchanged(err) || !errors.Is(err, store.ErrStale) || !strings.Contains(err.Error(), "stood still") {
		t.Errorf("error %v", err)
	}
	if got := w.kentico.tasks(); len(got) != 2 || got[1].Data.Rows[0].Columns[2].Value != "newer" || says(w.rows()) != "a:t1, a:t2" {
		t.Errorf("%d tasks, rows %s", len(got), says(w.rows()))
	}
}

func TestPartsThatAreMissing(t *testing.T) {
	if _, err := errands.New(errands.Config{}); err == nil {
		t.Error("a Source of nothing")
	}
}
