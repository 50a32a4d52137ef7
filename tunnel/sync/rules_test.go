package sync_test

import (
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// made is an unsigned change of server n, number k, of a content, on top of others.
func made(n, k int, content string, on ...*sync.Change) *sync.Change {
	c := &sync.Change{ID: sync.ID{Origin: serverOf(n), Counter: uint64(k)}, Object: "s/article/x", Op: sync.Put,
		Payload: sync.DigestOf([]byte(content)), Stamp: sync.Stamp{Milli: int64(k)}, Title: content}
	if content == "" {
		c.Op, c.Payload = sync.Delete, sync.Digest{}
	}
	c.Follow(on)
	return c
}

// after is the state that receiving all in order leaves.
func after(p sync.Policy, all ...*sync.Change) (s sync.State, last sync.Outcome) {
	for _, c := range all {
		last = sync.Receive(s, c, p)
		s = last.After
	}
	return s, last
}

func TestRules(t *testing.T) {
	a1 := made(0, 1, "one")
	a2 := made(0, 2, "two", a1)
	b3 := made(1, 3, "three", a1) // beside a2
	b3same := made(1, 3, "two", a1)
	gone := made(1, 4, "", a1)
	both := made(2, 9, "decided", a2, b3)
	never := made(0, 1, "")
	prefer := sync.Policy{Mode: sync.Prefer, Prefer: []sync.ServerID{serverOf(0)}}
	for _, tt := range []struct {
		name     string
		policy   sync.Policy
		received []*sync.Change
		shown    *sync.Change
		show     string // title of what the engine must be given; - for nothing
		versions int
		conflict bool
	}{
		{"the first", sync.Policy{}, []*sync.Change{a1}, a1, "one", 1, false},
		{"the next", sync.Policy{}, []*sync.Change{a1, a2}, a2, "two", 1, false},
		{"an older one late", sync.Policy{}, []*sync.Change{a2, a1}, a2, "-", 1, false},
		{"two at once are held", sync.Policy{}, []*sync.Change{a1, a2, b3}, a2, "-", 2, true},
		{"in the other order", sync.Policy{}, []*sync.Change{a1, b3, a2}, b3, "-", 2, true},
		{"of the same content", sync.Policy{}, []*sync.Change{a1, a2, b3same}, b3same, "-", 2, false},
		{"the newest wins", sync.Policy{Mode: sync.Newest}, []*sync.Change{a1, a2, b3}, b3, "three", 2, true},
		{"in any order", sync.Policy{Mode: sync.Newest}, []*sync.Change{b3, a2, a1}, b3, "-", 2, true},
		{"the preferred wins", prefer, []*sync.Change{a1, b3, a2}, a2, "two", 2, true},
		{"the preferred stays", prefer, []*sync.Change{a1, a2, b3}, a2, "-", 2, true},
		{"an edit and a deletion", sync.Policy{}, []*sync.Change{a1, a2, gone}, a2, "-", 2, true},
		{"a deletion", sync.Policy{}, []*sync.Change{a1, gone}, gone, "", 1, false},
		{"a deletion of what never was", sync.Policy{}, []*sync.Change{never}, never, "-", 1, false},
		{"a decision", sync.Policy{}, []*sync.Change{a1, a2, b3, both}, both, "decided", 1, false},
		{"a decision before what it decides", sync.Policy{}, []*sync.Change{both, b3, a2, a1}, both, "-", 1, false},
		{"an edit on what is not shown", sync.Policy{}, []*sync.Change{a1, a2, b3, made(1, 5, "five", b3)}, a2, "-", 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, last := after(tt.policy, tt.received...)
			show := "-"
			if last.Show != nil {
				show = last.Show.Title
			}
			if s.Shown != tt.shown.ID || show != tt.show || len(s.Versions) != tt.versions || s.Conflict() != tt.conflict {
				t.Errorf("shown %v (want %v), show %q, %d versions, conflict %t", s.Shown, tt.shown.ID, show, len(s.Versions), s.Conflict())
			}
			if s.First != a1.ID && tt.received[0] != never && len(tt.received) > 1 {
				t.Errorf("first %v", s.First)
			}
		})
	}
}

func TestWhatAnEditContains(t *testing.T) {
	a1 := made(0, 1, "one")
	a2, b3 := made(0, 2, "two", a1), made(1, 3, "three", a1)
	same := made(2, 1, "two", a1)
	s, _ := after(sync.Policy{}, a1, a2, b3, same)
	titles := func(all []*sync.Change) string {
		out := ""
		for _, c := range all {
			out += fmt.Sprintf("%s/%d ", c.Title, c.ID.Counter)
		}
		return out
	}
	if got := sync.Seen(s, serverOf(3), sync.Policy{}); len(got) != 2 {
		t.Errorf("a person who saw %q has seen %s", s.Show().Title, titles(got))
	}
	if got := sync.Seen(s, serverOf(1), sync.Policy{}); len(got) != 3 {
		t.Errorf("a server's own change is not among %s", titles(got))
	}
	if got := sync.Seen(s, serverOf(3), sync.Policy{Mode: sync.Newest}); len(got) != 3 {
		t.Errorf("with a rule an edit contains %s", titles(got))
	}
	edit := made(3, 1, "four", sync.Seen(s, serverOf(3), sync.Policy{})...)
	out := sync.Edit(s, edit, 12)
	if len(out.After.Versions) != 2 || out.After.Shown != edit.ID || out.After.Seq != 12 || !out.After.Conflict() {
		t.Errorf("after the edit: %s, shown %v", titles(out.After.Versions), out.After.Shown)
	}
}
