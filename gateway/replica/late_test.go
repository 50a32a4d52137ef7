package replica_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// lateness is a server of two gateways: the first froze between its intent and the engine's Apply, the second settled for it
// while the engine refused, so that nothing was open any more.
type lateness struct {
	*batched
	leader  *replica.Replica
	notes   []string
	changes []*sync.Change
	point   string // at which the first freezes next
	frozen  chan struct{}
	wake    chan struct{}
	answers chan []sync.Answer
}

func (l *lateness) colleagueOf(mine bool, pause func(string), noted func(...replica.Note)) *replica.Replica {
	l.t.Helper()
	r, err := replica.New(replica.Config{Key: keyOf(1), Source: l.to.engine, Journal: journal, Changes: l.to.book, Blobs: l.to.book,
		Policy: func() sync.Policy { return l.policy }, Targets: func(sync.Object) []sync.ServerID { return nil },
		Now: l.clock(), Held: l.to.book.Approval, Noted: noted, Pause: pause,
		Fence: func() (exchange.Fence, bool) { return exchange.Fence{}, mine }})
	l.must(err)
	return r
}

// newLateness freezes a gateway with that many changes, of which the first object is one that was there before.
func newLateness(t *testing.T, n int) *lateness {
	l := &lateness{batched: newBatched(t), point: "intended", frozen: make(chan struct{}), wake: make(chan struct{}),
		answers: make(chan []sync.Answer, 1)}
	l.leader = l.colleagueOf(true, nil, func(all ...replica.Note) {
		for _, one := range all {
			l.notes = append(l.notes, one.What)
		}
	})
	l.to.engine.edit(object(0), "before")
	l.pulls(l.leader)
	before, err := l.to.book.History(t.Context(), object(0), 1)
	l.must(err)
	l.must(l.from.book.PutAll(t.Context(), []byte("before")))
	l.from.replica.Receive(t.Context(), serverOf(1), []sync.Offered{{Change: before[0].Change}})
	for i := range n {
		l.from.engine.edit(object(i), fmt.Sprint("late ", i))
	}
	offered := l.offer()
	for i := range offered {
		offered[i].Asked = true
		l.changes = append(l.changes, offered[i].Change)
	}
	l.must(l.to.book.Ask(t.Context(), serverOf(0), l.changes...))
	for _, c := range l.changes {
		l.must(l.to.book.Decide(t.Context(), c.ID, exchange.Asked, exchange.Approved, "ann", ""))
	}
	first := l.colleagueOf(false, func(point string) {
		if point == l.point {
			l.point = "" // once
			l.frozen <- struct{}{}
			<-l.wake
		}
	}, nil)
	go func() { l.answers <- first.Receive(t.Context(), serverOf(0), offered) }()
	<-l.frozen
	l.to.engine.fails = source.ErrFailed
	l.leader = l.colleagueOf(true, nil, func(all ...replica.Note) { // it comes to the lease now
		for _, one := range all {
			l.notes = append(l.notes, one.What)
		}
	})
	l.pulls(l.leader)
	l.to.engine.fails = nil
	l.notes = nil
	if open, err := l.to.book.Intents(t.Context()); err != nil || len(open) > 0 {
		t.Fatalf("open %+v, %v", open, err)
	}
	return l
}

func (l *lateness) refuse() {
	l.t.Helper()
	for _, c := range l.changes {
		l.must(l.to.book.Decide(l.t.Context(), c.ID, exchange.Approved, exchange.Refused, "bob", "no"))
	}
}

// woken has the first gateway go on until it has an answer.
func (l *lateness) woken() []sync.Answer {
	l.wake <- struct{}{}
	return <-l.answers
}

func (l *lateness) wantTexts(all ...string) {
	l.t.Helper()
	for i, want := range all {
		if got := l.to.engine.text[object(i)]; got != want {
			l.t.Errorf("the engine has %q of %d, want %q", got, i, want)
		}
	}
}

// wantAtRest wants nothing to be open, and nothing more to happen.
func (l *lateness) wantAtRest(known bool, mine uint64, notes ...string) {
	l.t.Helper()
	rows := len(l.to.engine.journal)
	l.pulls(l.leader)
	l.pulls(l.leader)
	if !slices.Equal(l.notes, notes) || len(l.to.engine.journal) != rows {
		l.t.Errorf("told of %q, want %q; %d rows came of themselves", l.notes, notes, len(l.to.engine.journal)-rows)
	}
	for _, c := range l.changes {
		if is, err := l.to.book.Known(l.t.Context(), []sync.ID{c.ID}); err != nil || is[0] != known {
			l.t.Errorf("%s is known: %v, %v", c.ID, is, err)
		}
	}
	have, err := l.to.book.Have(l.t.Context())
	if err != nil || have[serverOf(1)] != mine {
		l.t.Errorf("%d changes were made here, want %d, %v", have[serverOf(1)], mine, err)
	}
	if open, err := l.to.book.Intents(l.t.Context()); err != nil || len(open) > 0 {
		l.t.Errorf("open %+v, %v", open, err)
	}
}

// TestWhatWasRefusedDoesNotStay: a gateway that froze before its Apply, of which another one gave the intents up, wakes
// after somebody refused the changes. It says that they were refused, what it wrote is found in the journal and taken
// out, and nothing of it travels.
func TestWhatWasRefusedDoesNotStay(t *testing.T) {
	for name, n := range map[string]int{"one that was there": 1, "several together, new ones too": 3} {
		t.Run(name, func(t *testing.T) {
			l := newLateness(t, n)
			l.refuse()
			for _, a := range l.woken() {
				if a.Status != sync.StatusLater || a.Reason != replica.ReasonDeclined {
					t.Errorf("answered %+v", a)
				}
			}
			if l.to.engine.text[object(0)] != "late 0" {
				t.Fatal("its Apply did not come too late")
			}
			l.pulls(l.leader)
			l.wantTexts([]string{"before", "", ""}[:n]...)
			l.wantAtRest(false, 1, slices.Repeat([]string{"undone"}, n)...)
		})
	}
}

// TestWhatWasApprovedIsTakenLate: as what it is, not as an edit made here, whether the gateway that wrote it lives on or
// not.
func TestWhatWasApprovedIsTakenLate(t *testing.T) {
	for _, lives := range []bool{true, false} {
		t.Run(fmt.Sprintf("it lives: %v", lives), func(t *testing.T) {
			l := newLateness(t, 2)
			if lives {
				for _, a := range l.woken() {
					if a.Status != sync.StatusDone {
						t.Errorf("answered %+v", a)
					}
				}
				l.wantTexts("late 0", "late 1")
				l.wantAtRest(true, 1)
				return
			}
			l.point = "applied" // it freezes once more, behind its Apply
			l.wake <- struct{}{}
			<-l.frozen
			l.pulls(l.leader)
			l.wantTexts("late 0", "late 1")
			l.wantAtRest(true, 1, "applied", "applied")
			for _, a := range l.woken() {
				if a.Status != sync.StatusDone {
					t.Errorf("answered %+v", a)
				}
			}
			l.wantAtRest(true, 1, "applied", "applied")
		})
	}
}

// TestAnEditOfWhatWasRefusedStands: a person has written over what came too late before anybody looked. His text is an
// edit, and what was refused is told.
func TestAnEditOfWhatWasRefusedStands(t *testing.T) {
	l := newLateness(t, 1)
	l.refuse()
	l.woken()
	l.to.engine.edit(object(0), "a person's")
	l.pulls(l.leader)
	l.wantTexts("a person's")
	l.wantAtRest(false, 2, "late", "made")
}

// TestWhatCannotBeTakenOutIsAnEdit: the engine refuses to show again what it showed. Then what it has is an edit, which
// travels as one, and somebody is told.
func TestWhatCannotBeTakenOutIsAnEdit(t *testing.T) {
	l := newLateness(t, 1)
	l.refuse()
	l.woken()
	l.to.engine.fails = source.ErrFailed
	l.pulls(l.leader)
	l.wantTexts("late 0")
	l.wantAtRest(false, 2, "late", "made")
}

// TestADeathWhileItIsTakenOut is settled: between the intent and the Apply, and between that and the end.
func TestADeathWhileItIsTakenOut(t *testing.T) {
	l := newLateness(t, 1)
	l.refuse()
	l.woken()
	l.to.engine.cut = true // the Apply that takes it out has no answer
	if _, err := l.leader.Pull(t.Context()); err == nil {
		t.Fatal("it has one")
	}
	for _, late := range l.to.engine.late {
		late()
	}
	next := l.colleagueOf(true, nil, nil)
	l.pulls(next)
	l.wantTexts("before")
	l.leader = next
	l.wantAtRest(false, 1)
}

// TestATagOfNobodysIsAnEdit: a row with the tag of a change that nobody holds, or of one of another object.
func TestATagOfNobodysIsAnEdit(t *testing.T) {
	l := newLateness(t, 1)
	l.refuse()
	l.to.engine.write(object(7), "of another object", l.changes[0].ID.String())
	l.to.engine.write(object(8), "of a change that nobody holds", sync.ID{Origin: serverOf(0), Counter: 77}.String())
	l.pulls(l.leader)
	if l.to.engine.text[object(7)] == "" || l.to.engine.text[object(8)] == "" {
		t.Error("it was taken out")
	}
	l.wantAtRest(false, 3, "made", "made")
	l.woken()
}
