package sync_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// The model holds the rules alone against an oracle: servers that take changes in any order, lost ones
// again and doubled ones twice. What a change stands on is written down when it is made; from that the
// oracle knows which versions must stand beside each other, without looking at a vector.

// replica is one server of the model.
type replica struct {
	state   sync.State
	known   map[sync.ID]bool
	counter int
}

type world struct {
	t        *rapid.T
	policy   sync.Policy
	receive  func(sync.State, *sync.Change, sync.Policy) sync.Outcome
	servers  []*replica
	all      []*sync.Change
	on       map[sync.ID][]sync.ID // what the author had before him
	bag      []message
	stamp    sync.Stamp
	taken    map[string]bool // a change on a server, once
	doubled  int
	contents int
}

type message struct {
	to     int
	change *sync.Change
}

func newWorld(t *rapid.T, p sync.Policy) *world {
	w := &world{t: t, policy: p, receive: sync.Receive, on: map[sync.ID][]sync.ID{}, taken: map[string]bool{}}
	for range rapid.IntRange(2, 5).Draw(t, "servers") {
		w.servers = append(w.servers, &replica{known: map[sync.ID]bool{}})
	}
	return w
}

// edit lets somebody write on server n, who sees what it shows; deciding lets him see all versions.
func (w *world) edit(n int, content string, deciding bool) {
	r := w.servers[n]
	seen := sync.Seen(r.state, serverOf(n), w.policy)
	if deciding {
		seen = r.state.Versions
	}
	r.counter++
	c := made(n, r.counter, content, seen...)
	for _, v := range seen {
		w.on[c.ID] = append(w.on[c.ID], v.ID)
		if v.Stamp.Compare(w.stamp) > 0 {
			w.stamp = v.Stamp
		}
	}
	w.stamp = w.stamp.Next(noon)
	c.Stamp = w.stamp
	w.all = append(w.all, c)
	r.state, r.known[c.ID] = sync.Edit(r.state, c, 0).After, true
	w.send(n, c)
}

func (w *world) send(from int, c *sync.Change) {
	for n := range w.servers {
		if n != from {
			w.bag = append(w.bag, message{n, c})
		}
	}
}

// take delivers one message of the bag.
func (w *world) take(i int) {
	m := w.bag[i]
	w.bag = slices.Delete(w.bag, i, i+1)
	r := w.servers[m.to]
	if r.known[m.change.ID] {
		return
	}
	key := fmt.Sprint(m.to, m.change.ID)
	if w.taken[key] {
		w.doubled++
	}
	w.taken[key], r.known[m.change.ID] = true, true
	r.state = w.receive(r.state, m.change, w.policy).After
}

// settle delivers everything, also what was lost, until nothing is new to anybody.
func (w *world) settle() {
	for _, c := range w.all {
		w.send(-1, c)
	}
	for len(w.bag) > 0 {
		w.take(rapid.IntRange(0, len(w.bag)-1).Draw(w.t, "last"))
	}
}

// maximal returns the ids of the changes that stand under no other, as the oracle knows.
func (w *world) maximal() []string {
	under := map[sync.ID]bool{}
	var mark func(id sync.ID)
	mark = func(id sync.ID) {
		for _, on := range w.on[id] {
			if !under[on] {
				under[on] = true
				mark(on)
			}
		}
	}
	var all []string
	for _, c := range w.all {
		mark(c.ID)
	}
	for _, c := range w.all {
		if !under[c.ID] {
			all = append(all, c.ID.String())
		}
	}
	slices.Sort(all)
	return all
}

func ids(versions []*sync.Change) []string {
	var all []string
	for _, v := range versions {
		all = append(all, v.ID.String())
	}
	slices.Sort(all)
	return all
}

// run plays a history and returns what is wrong with its end.
func (w *world) run() error {
	steps := map[string]func(){
		"edit": func() {
			w.contents++
			content := rapid.SampledFrom([]string{"", "same", fmt.Sprint("text ", w.contents)}).Draw(w.t, "content")
			w.edit(rapid.IntRange(0, len(w.servers)-1).Draw(w.t, "on"), content, false)
		},
		"take": func() {
			if len(w.bag) > 0 {
				w.take(rapid.IntRange(0, len(w.bag)-1).Draw(w.t, "message"))
			}
		},
		"lose": func() {
			if len(w.bag) > 0 {
				w.bag = w.bag[1:]
			}
		},
		"double": func() {
			if len(w.bag) > 0 {
				w.bag = append(w.bag, w.bag[rapid.IntRange(0, len(w.bag)-1).Draw(w.t, "twin")])
			}
		},
	}
	names := slices.Sorted(maps.Keys(steps))
	for range rapid.IntRange(3, 40).Draw(w.t, "steps") {
		steps[rapid.SampledFrom(append(names, "take", "take")).Draw(w.t, "step")]()
	}
	w.settle()
	if err := w.agree(); err != nil {
		return err
	}
	// One place decides, and everybody sees the same.
	for n, r := range w.servers {
		if r.state.Conflict() && w.policy.Mode == sync.Hold {
			w.edit(n, "decided", true)
			w.settle()
			break
		}
	}
	return w.agree()
}

// agree holds every server against the oracle, and all against the first.
func (w *world) agree() error {
	want := w.maximal()
	for n, r := range w.servers {
		if got := ids(r.state.Versions); !slices.Equal(got, want) {
			return fmt.Errorf("server %d has the versions %v, want %v", n, got, want)
		}
		if r.state.First != w.servers[0].state.First {
			return fmt.Errorf("servers 0 and %d would decide elsewhere", n)
		}
		first, shown := w.servers[0].state.Show(), r.state.Show()
		if (first == nil) != (shown == nil) {
			return fmt.Errorf("server %d shows something else", n)
		}
		held := w.policy.Mode == sync.Hold && r.state.Conflict()
		if first != nil && !held && first.Content() != shown.Content() {
			return fmt.Errorf("server %d shows %q, server 0 %q", n, shown.Title, first.Title)
		}
	}
	if w.doubled > 0 {
		return fmt.Errorf("%d changes were taken twice", w.doubled)
	}
	return nil
}

var policies = map[string]sync.Policy{
	"hold": {Mode: sync.Hold}, "newest": {Mode: sync.Newest},
	"prefer": {Mode: sync.Prefer, Prefer: []sync.ServerID{serverOf(1), serverOf(0)}},
}

func TestRulesAgreeWhateverTheOrder(t *testing.T) {
	for name, p := range policies {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if err := newWorld(t, p).run(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestWrongRulesAreFound holds the model itself: rules that are wrong must not pass it.
func TestWrongRulesAreFound(t *testing.T) {
	for name, wrong := range map[string]func(sync.State, *sync.Change, sync.Policy) sync.Outcome{
		"the last to arrive overwrites": func(s sync.State, c *sync.Change, _ sync.Policy) sync.Outcome {
			return sync.Edit(s, &sync.Change{ID: c.ID, Object: c.Object, Op: c.Op, Payload: c.Payload, Stamp: c.Stamp,
				Vector: all(s).Merge(c.Vector)}, 0)
		},
		"an older one late is taken for new": func(s sync.State, c *sync.Change, _ sync.Policy) sync.Outcome {
			return sync.Edit(s, c, 0)
		},
		"a conflict is swapped in silence": func(s sync.State, c *sync.Change, p sync.Policy) sync.Outcome {
			out := sync.Receive(s, c, p)
			out.After.Versions = []*sync.Change{c}
			return out
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := false
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, sync.Policy{Mode: sync.Hold})
				w.receive = wrong
				found = w.run() != nil || found
			})
			if !found {
				t.Error("no history shows it")
			}
		})
	}
}

// all is what all versions of an object contain together.
func all(s sync.State) sync.Vector {
	v := sync.Vector{}
	for _, c := range s.Versions {
		v = v.Merge(c.Vector)
	}
	return v
}

func TestMain(m *testing.M) {
	_ = flag.Set("rapid.checks", "400") // there is such a flag, as rapid is imported
	m.Run()
}
