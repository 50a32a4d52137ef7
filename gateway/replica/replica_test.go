package replica_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/blobs"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// calm is a world without faults.
func calm(t *testing.T, links [][]int) *world {
	return newWorld(t, 1, links, sync.Policy{Mode: sync.Hold}, faults{}, memoryBook)
}

// conflict has servers a and b edit one object that server 0 made.
func conflict(w *world, a, b int) sync.State {
	w.t.Helper()
	w.servers[0].engine.edit(page, "first")
	w.rest()
	w.servers[a].engine.edit(page, "of a")
	w.servers[b].engine.edit(page, "of b")
	for _, s := range w.servers {
		w.pull(s)
	}
	w.undecided()
	s, err := w.servers[0].book.Object(context.Background(), page)
	if err != nil || !s.Conflict() {
		w.t.Fatalf("no conflict: %+v, %v", s, err)
	}
	return s
}

const page = sync.Object("s/article/a")

// undecided lets everything arrive and decides nothing.
func (w *world) undecided() {
	for range 20 {
		for _, s := range w.servers {
			w.pull(s)
			for _, to := range w.links[s.n] {
				w.send(s, to)
			}
		}
		for len(w.bag) > 0 {
			w.deliver()
		}
	}
}

func (w *world) want(o sync.Object, text string) {
	w.t.Helper()
	for _, s := range w.servers {
		if got := s.engine.text[o]; got != text {
			w.t.Errorf("server %d has %q, want %q", s.n, got, text)
		}
	}
}

func TestAConflictIsVisibleEverywhereAndDecidedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		decision replica.Decision
		want     string
	}{
		"theirs":      {replica.Decision{Take: serverOf(2)}, "of b"},
		"ours":        {replica.Decision{Take: serverOf(1)}, "of a"},
		"edited":      {replica.Decision{Content: []byte("of both")}, "of both"},
		"an empty":    {replica.Decision{Content: []byte(" ")}, " "},
		"both: shown": {replica.Decision{Both: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := calm(t, topologies["star of 4"])
			s := conflict(w, 1, 2)
			for _, at := range w.servers {
				if all, err := at.book.Conflicts(t.Context()); err != nil || len(all) != 1 || len(all[0].Versions) != 2 {
					t.Errorf("server %d sees %d conflicts, %v", at.n, len(all), err)
				}
				for _, v := range s.Versions { // both texts are at hand everywhere
					readAll(t, at.book, v.Payload)
				}
			}
			if w.servers[1].engine.text[page] != "of a" || w.servers[2].engine.text[page] != "of b" {
				t.Error("an edit was swapped in silence")
			}
			if _, err := w.servers[3].replica.Decide(t.Context(), page, tt.decision); !errors.Is(err, replica.ErrElsewhere) ||
				!strings.Contains(err.Error(), string(serverOf(0))) {
				t.Errorf("decided elsewhere: %v", err)
			}
			want := tt.want
			if want == "" {
				want = w.servers[0].engine.text[page]
			}
			c, err := w.servers[0].replica.Decide(t.Context(), page, tt.decision)
			if err != nil || len(c.Resolves) != 2 {
				t.Fatalf("%+v, %v", c, err)
			}
			w.undecided()
			w.want(page, want)
			if all, err := w.servers[3].book.Conflicts(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("%d conflicts are left, %v", len(all), err)
			}
			if _, err := w.servers[0].replica.Decide(t.Context(), page, tt.decision); !errors.Is(err, replica.ErrNoConflict) {
				t.Errorf("decided twice: %v", err)
			}
			if tt.decision.Both {
				wantCopy(t, w)
			}
		})
	}
}

// wantCopy wants the other text as an object of its own, on every server.
func wantCopy(t *testing.T, w *world) {
	t.Helper()
	for _, s := range w.servers {
		found := 0
		for o, text := range s.engine.text {
			if o != page && strings.HasSuffix(text, " as "+string(page)+" (2)") {
				found++
			}
		}
		if found != 1 || len(s.engine.text) != 2 {
			t.Errorf("server %d has %v", s.n, s.engine.text)
		}
	}
}

func TestADecisionMayBeMadeHere(t *testing.T) {
	w := calm(t, topologies["star of 4"])
	conflict(w, 1, 2)
	if _, err := w.servers[3].replica.Decide(t.Context(), page, replica.Decision{Take: serverOf(9), Here: true}); !errors.Is(err, replica.ErrNoVersion) {
		t.Errorf("error %v", err)
	}
	if _, err := w.servers[3].replica.Decide(t.Context(), page, replica.Decision{Take: serverOf(2), Here: true, Author: "x\ny"}); err != nil {
		t.Fatal(err)
	}
	w.undecided()
	w.want(page, "of b")
}

func TestADecisionOverAnEditIsRefused(t *testing.T) {
	w := calm(t, topologies["pair"])
	conflict(w, 0, 1)
	e := w.servers[0].engine
	e.before = func(o sync.Object) {
		e.before = nil
		e.edit(o, "in the very moment")
	}
	if _, err := w.servers[0].replica.Decide(t.Context(), page, replica.Decision{Content: []byte("x")}); !errors.Is(err, errMoved) {
		t.Errorf("error %v", err)
	}
	if got := e.text[page]; got != "in the very moment" {
		t.Errorf("the edit is %q now", got)
	}
}

func TestARuleDecidesWithoutTalking(t *testing.T) {
	for name, p := range map[string]sync.Policy{"newest": {Mode: sync.Newest}, "prefer": {Mode: sync.Prefer, Prefer: []sync.ServerID{serverOf(1)}}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, topologies["star of 4"], p, faults{}, memoryBook)
			conflict(w, 1, 2)
			w.want(page, w.servers[0].engine.text[page])
			if name == "prefer" {
				w.want(page, "of a")
			}
		})
	}
}

func TestAnEngineThatIsDownLosesNothing(t *testing.T) {
	w := calm(t, topologies["pair"])
	w.servers[0].engine.edit(page, "first")
	w.pull(w.servers[0])
	w.servers[1].engine.down = true
	w.send(w.servers[0], 1)
	w.deliver()
	w.deliver()
	all, err := w.servers[0].book.Deliveries(t.Context(), exchange.Filter{})
	if err != nil || len(all) != 1 || all[0].State != exchange.Pending || all[0].Class != string(sync.ClassLater) {
		t.Errorf("deliveries %+v, %v", all, err)
	}
	w.servers[1].engine.down = false
	w.rest()
	w.want(page, "first")
}

// TestAnApplyThatComesLateIsNoEdit: the process dies with an Apply on its way, and the engine carries that out
// when the next process has looked at its journal already.
func TestAnApplyThatComesLateIsNoEdit(t *testing.T) {
	for name, late := range map[string]func(b *server){
		"after the next process looked": func(b *server) {
			for range 2 { // it settles, and looks again
				if _, err := b.replica.Pull(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		},
		"before it looked":    func(*server) {},
		"when it has all":     func(b *server) { b.replica.Receive(t.Context(), serverOf(0), nil) },
		"behind another edit": func(b *server) { b.engine.edit("s/article/b", "of b") },
	} {
		t.Run(name, func(t *testing.T) {
			w := calm(t, topologies["pair"])
			a, b := w.servers[0], w.servers[1]
			a.engine.edit(page, "first")
			w.pull(a)
			b.engine.cut = true
			w.send(a, 1)
			w.deliver()
			w.deliver()
			w.boot(b)
			late(b)
			for _, carry := range b.engine.late {
				carry()
			}
			w.rest()
			w.want(page, "first")
			have, err := b.book.Have(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n := len(b.engine.sayings); have[serverOf(0)] != 1 || int(have[serverOf(1)]) != n {
				t.Errorf("changes %v, but one edit there and %d here", have, n)
			}
			if tag := b.engine.twice(); tag != "" || len(b.engine.late) != 1 {
				t.Errorf("%s was carried out twice, %d late", tag, len(b.engine.late))
			}
		})
	}
}

// TestOneObjectHoldsUpNobody: an engine that never says what became of one object is asked a second time, and
// then everything else goes on.
func TestOneObjectHoldsUpNobody(t *testing.T) {
	w := calm(t, topologies["pair"])
	a, b := w.servers[0], w.servers[1]
	a.engine.edit(page, "first")
	w.pull(a)
	for range 3 {
		b.engine.cut = true
		w.send(a, 1)
		for len(w.bag) > 0 {
			w.deliver()
		}
		w.now = w.now.Add(time.Hour)
	}
	b.engine.cut = false
	b.engine.edit("s/article/b", "of b")
	w.pull(b)
	if have, err := b.book.Have(t.Context()); err != nil || have[serverOf(1)] != 1 {
		t.Errorf("changes %v, %v", have, err)
	}
	w.rest()
	w.want(page, "first")
	w.want("s/article/b", "of b")
}

// TestAnEngineThatFailedIsToldFromOneThatIsAway, as only the first says something of the change.
func TestAnEngineThatFailedIsToldFromOneThatIsAway(t *testing.T) {
	w := calm(t, topologies["pair"])
	a, b := w.servers[0], w.servers[1]
	a.engine.edit(page, "first")
	w.pull(a)
	due, err := a.book.Due(t.Context(), serverOf(1), 1)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	e, err := a.book.Change(t.Context(), due[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.book.Put(t.Context(), strings.NewReader("first")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		down  bool
		fails error
		want  string
	}{
		{true, nil, replica.ReasonAway}, // also where its journal cannot be read, the second time
		{true, nil, replica.ReasonAway},
		{false, fmt.Errorf("%w: no", source.ErrFailed), replica.ReasonEngine},
	} {
		b.engine.down, b.engine.fails = tt.down, tt.fails
		got := b.replica.Receive(t.Context(), serverOf(0), []sync.Offered{{Change: e.Change}})
		if got[0].Status != sync.StatusLater || got[0].Reason != tt.want {
			t.Errorf("answer %+v, want %s", got[0], tt.want)
		}
	}
}

func TestAChildWaitsForItsParent(t *testing.T) {
	w := calm(t, topologies["pair"])
	for _, s := range w.servers {
		s.engine.parents = true
	}
	a, b := w.servers[0], w.servers[1]
	a.engine.edit("s/page/p", "parent")
	a.engine.edit("s/page/p/c", "child")
	w.pull(a)
	due, err := a.book.Due(t.Context(), serverOf(1), 9)
	if err != nil || len(due) != 2 {
		t.Fatal(due, err)
	}
	e, err := a.book.Change(t.Context(), due[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.book.Put(t.Context(), strings.NewReader("child")); err != nil {
		t.Fatal(err)
	}
	got := b.replica.Receive(t.Context(), serverOf(0), []sync.Offered{{Change: e.Change}})
	if got[0].Status != sync.StatusWait || got[0].Reason != replica.ReasonNeeds || !strings.Contains(got[0].Text, "s/page/p") {
		t.Errorf("answer %+v", got)
	}
	w.rest()
	w.want("s/page/p/c", "child")
	// And the other way round: a parent is not deleted under its child.
	a.engine.edit("s/page/p/c", "")
	a.engine.edit("s/page/p", "")
	w.rest()
	w.want("s/page/p", "")
	if len(b.engine.text) != 0 {
		t.Errorf("left: %v", b.engine.text)
	}
}

func TestOnlyTheLastOfABatchNeedsItsContent(t *testing.T) {
	w := calm(t, topologies["pair"])
	for i := range 5 {
		w.servers[0].engine.edit(page, fmt.Sprint("edit ", i))
		w.pull(w.servers[0])
	}
	w.rest()
	all, err := w.servers[1].book.History(t.Context(), page, 10)
	if err != nil || len(all) != 5 {
		t.Errorf("history of %d, %v, want all 5", len(all), err)
	}
	if w.payloads > 2 { // the batch has a random size
		t.Logf("%d payloads", w.payloads)
	}
	w.want(page, "edit 4")
	if have, err := w.servers[1].book.Have(t.Context()); err != nil || have[serverOf(0)] != 5 {
		t.Errorf("have %v, %v", have, err)
	}
}

// onDisk keeps what a server knows as a gateway does.
type onDisk struct {
	exchange.Book
	*blobs.Folder
}

// TestModelOnSQLite plays the histories of the model on the real store.
func TestModelOnSQLite(t *testing.T) {
	if testing.Short() {
		t.Skip("plays on a disk")
	}
	late := modes["approvals"].faults
	for seed, tt := range []struct {
		topology string
		faults   faults
	}{{"pair", badly}, {"star of 4", badly}, {"ring of 4", badly}, {"mesh of 4", badly}, {"pair", late}, {"star of 4", late}} {
		t.Run(fmt.Sprint(tt.topology, ", approvals ", tt.faults.approve), func(t *testing.T) {
			w := newWorld(t, uint64(seed), topologies[tt.topology], sync.Policy{Mode: sync.Hold}, tt.faults, func(w *world) book {
				dir := t.TempDir()
				db, err := sqlite.Open(t.Context(), filepath.Join(dir, "s.db"), sqlite.WithClock(clock{w}.now))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				folder, err := blobs.Open(filepath.Join(dir, "blobs"))
				if err != nil {
					t.Fatal(err)
				}
				return onDisk{exchange.NewBook(db), folder}
			})
			w.play(12)
			if bad := w.wrong(); bad != "" {
				t.Error(bad)
			}
			t.Log(w.summary())
		})
	}
}
