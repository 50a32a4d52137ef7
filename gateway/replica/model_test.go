package replica_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/sync"
)

var histories = flag.Int("histories", 6, "how many histories the model plays of each topology and mode")

func keyOf(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n + 1)}, ed25519.SeedSize))
}

func serverOf(n int) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// book is where a server of the model keeps what it knows.
type book interface {
	exchange.Changes
	exchange.Deliveries
	exchange.Approvals
	exchange.Blobs
}

// faults says what goes wrong in a history, each as a chance.
type faults struct {
	lost, doubled, crash, moment float64
	shuffled                     bool
	everybody                    bool // decides, not one place
	approve                      bool // pages of others wait until somebody approves them, some time
}

var badly = faults{lost: 0.1, doubled: 0.1, crash: 0.015, moment: 0.03, shuffled: true}

// world is servers with their engines, and what is on the way between them. Time stands still but for
// tick, so that everything that waits can be made due.
type world struct {
	t       testing.TB
	rnd     *rand.Rand
	policy  sync.Policy
	links   [][]int // targets of each server
	servers []*server
	bag     []message
	faults  faults
	now     time.Time
	quiet   bool // no more faults

	edits, crashes, lostN, doubledN, moments, payloads, offers, decisions int
	forgetful                                                             bool // a control: intents are not settled
	open                                                                  bool // a control: nobody is asked for approval
	approvals                                                             int
}

type server struct {
	n       int
	engine  *engine
	book    book
	replica *replica.Replica
	gate    *approval.Gate
	said    map[sync.ID]bool // what somebody approved
	notes   []replica.Note
}

// message is an offer with its contents, or the answers to one.
type message struct {
	from, to int
	offered  []sync.Offered
	answers  []sync.Answer
}

type crash struct{}

func newWorld(t testing.TB, seed uint64, links [][]int, p sync.Policy, f faults, newBook func(w *world) book) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), policy: p, links: links, faults: f, now: noon}
	for n := range links {
		s := &server{n: n, engine: newEngine(), book: newBook(w), said: map[sync.ID]bool{}}
		s.engine.before = func(o sync.Object) {
			if w.chance(w.faults.moment) {
				w.moments++
				w.edits++
				s.engine.edit(o, w.text())
			}
		}
		w.servers = append(w.servers, s)
		w.boot(s)
	}
	return w
}

func memoryBook(w *world) book { return exchangetest.NewMemory(func() time.Time { return w.now }) }

func (w *world) clock() func() time.Time { return func() time.Time { return w.now } }

func (w *world) chance(p float64) bool { return !w.quiet && w.rnd.Float64() < p }

func (w *world) text() string { return fmt.Sprint("text ", w.rnd.IntN(1_000_000)) }

// boot starts a server's process on what it kept.
func (w *world) boot(s *server) {
	targets := make([]sync.ServerID, 0, len(w.links[s.n]))
	for _, n := range w.links[s.n] {
		targets = append(targets, serverOf(n))
	}
	var changes exchange.Changes = s.book
	if w.forgetful {
		changes = forgetful{s.book}
	}
	r, err := replica.New(replica.Config{
		Key: keyOf(s.n), Source: s.engine, Journal: journal, Changes: changes, Blobs: s.book,
		Policy: func() sync.Policy { return w.policy }, Targets: func(sync.Object) []sync.ServerID { return targets },
		Now:   func() time.Time { return w.now },
		Noted: func(all ...replica.Note) { s.notes = append(s.notes, all...) },
		Pause: func(string) {
			if w.chance(w.faults.crash) {
				panic(crash{})
			}
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s.replica = r
	s.gate = w.newGate(s)
}

// forgetful drops every intent as if nobody kept it: the control that must get stuck or lose.
type forgetful struct{ exchange.Changes }

func (forgetful) Intend(context.Context, exchange.Fence, ...sync.Intent) error { return nil }
func (forgetful) Intents(context.Context) ([]sync.Intent, error)               { return nil, nil }

// life runs what a process does, which may crash anywhere: then it starts anew.
func (w *world) life(s *server, do func() error) {
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(crash); !ok {
				panic(v)
			}
			w.crashes++
			w.boot(s)
		}
	}()
	if err := do(); err != nil {
		w.t.Fatalf("server %d: %v", s.n, err)
	}
}

func (w *world) pull(s *server) {
	w.life(s, func() error {
		_, err := s.replica.Pull(context.Background())
		return err
	})
}

// send offers what is due for one target; of what is wanted the contents travel along.
func (w *world) send(s *server, to int) {
	due, err := s.book.Due(context.Background(), serverOf(to), 1+w.rnd.IntN(8))
	if err != nil {
		w.t.Fatal(err)
	}
	var offered []sync.Offered
	for _, d := range due {
		e, err := s.book.Change(context.Background(), d.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		offered = append(offered, sync.Offered{Change: e.Change, Processed: e.Listed})
	}
	if len(offered) == 0 {
		return
	}
	w.offers += len(offered)
	w.post(message{from: s.n, to: to, offered: offered})
}

func (w *world) post(m message) {
	if w.chance(w.faults.lost) {
		w.lostN++
		return
	}
	w.bag = append(w.bag, m)
	if w.chance(w.faults.doubled) {
		w.doubledN++
		w.bag = append(w.bag, m)
	}
}

// deliver takes one message out of the bag.
func (w *world) deliver() {
	if len(w.bag) == 0 {
		return
	}
	i := 0
	if w.faults.shuffled {
		i = w.rnd.IntN(len(w.bag))
	}
	m := w.bag[i]
	w.bag = slices.Delete(w.bag, i, i+1)
	to := w.servers[m.to]
	if m.answers != nil {
		w.settle(to, m)
		return
	}
	w.life(to, func() error {
		answers, err := to.gate.Wanted(context.Background(), serverOf(m.from), m.offered)
		if err != nil {
			return err
		}
		w.contents(m, answers)
		w.post(message{from: m.to, to: m.from, answers: to.gate.Receive(context.Background(), serverOf(m.from), m.offered)})
		return nil
	})
}

// contents copies what is wanted, as the second step of a delivery does.
func (w *world) contents(m message, answers []sync.Answer) {
	from, to := w.servers[m.from], w.servers[m.to]
	for i, a := range answers {
		c := m.offered[i].Change
		if a.Status != sync.StatusWant || sync.Contained(m.offered, i) {
			continue
		}
		w.payloads++
		if c.Op == sync.Delete {
			continue
		}
		r, _, err := from.book.Open(context.Background(), c.Payload)
		if err != nil {
			continue // what contains it came first
		}
		if _, _, err := to.book.Put(context.Background(), r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// settle keeps what a target answered.
func (w *world) settle(s *server, m message) {
	for _, a := range m.answers {
		r := exchange.Result{ID: a.ID, State: exchange.Done, Class: string(a.Class), Reason: a.Text}
		switch a.Status {
		case sync.StatusDone, sync.StatusHeld:
		case sync.StatusRefused:
			r.State = exchange.Dead
		case sync.StatusWait:
			r.State, r.After = exchange.Waiting, time.Minute
			if a.Reason == approval.ReasonApproval {
				r.Class = exchange.ForApproval
			}
		default:
			r.State, r.After = exchange.Pending, time.Second
		}
		if err := s.book.Settle(context.Background(), serverOf(m.from), r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// decide lets a person look at conflicts: at the place of each, or anywhere.
func (w *world) decide(s *server) {
	all, err := s.book.Conflicts(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range all {
		d := replica.Decision{Here: w.faults.everybody && !w.quiet, Author: "decider"}
		switch w.rnd.IntN(4) {
		case 0:
			d.Content = []byte(w.text())
		case 1:
			d.Both = c.Show() != nil && !w.faults.everybody
			fallthrough
		default:
			if !d.Both {
				d.Take = c.Versions[w.rnd.IntN(len(c.Versions))].ID.Origin
			}
		}
		w.life(s, func() error {
			_, err := s.replica.Decide(context.Background(), c.Object, d)
			if err == nil {
				w.decisions++
			}
			return expected(err)
		})
	}
}

func expected(err error) error {
	for _, ok := range []error{replica.ErrElsewhere, replica.ErrNoConflict, replica.ErrNoVersion, errMoved} {
		if errors.Is(err, ok) {
			return nil
		}
	}
	return err
}

// play is a history: people edit, and everything that can happen does.
func (w *world) play(edits int) {
	objects := []sync.Object{"s/article/a", "s/article/b", "s/page/c"}
	for w.edits < edits {
		s := w.servers[w.rnd.IntN(len(w.servers))]
		switch k := w.rnd.IntN(10); {
		case k < 2:
			w.edits++
			text := w.text()
			if w.rnd.IntN(6) == 0 {
				text = ""
			}
			s.engine.edit(objects[w.rnd.IntN(len(objects))], text)
		case k < 4:
			w.pull(s)
		case k < 6 && len(w.links[s.n]) > 0:
			w.send(s, w.links[s.n][w.rnd.IntN(len(w.links[s.n]))])
		case k == 6 && w.rnd.IntN(8) == 0:
			w.decide(s)
		case w.faults.approve && k == 6 && w.rnd.IntN(4) == 0:
			w.approve(s)
		case k == 7:
			w.now = w.now.Add(time.Second)
		default:
			w.deliver()
		}
	}
	w.rest()
}

// rest plays without faults until nothing is on its way, with what is to be decided decided.
func (w *world) rest() {
	w.quiet = true
	for round := range 200 {
		w.now = w.now.Add(2 * time.Hour)
		for _, s := range w.servers {
			w.pull(s)
			w.approve(s)
			for _, to := range w.links[s.n] {
				w.send(s, to)
			}
		}
		for len(w.bag) > 0 {
			w.deliver()
		}
		if w.still() {
			if w.policy.Mode != sync.Hold && w.policy.Mode != "" || !w.conflicts() {
				return
			}
			for _, s := range w.servers {
				w.decide(s)
			}
		}
		if round == 199 {
			w.t.Errorf("it does not come to rest: %s", w.summary())
		}
	}
}

func (w *world) still() bool {
	for _, s := range w.servers {
		for _, to := range w.links[s.n] {
			if due, _ := s.book.Due(context.Background(), serverOf(to), 1); len(due) > 0 {
				return false
			}
			waiting, _ := s.book.Deliveries(context.Background(), exchange.Filter{Target: serverOf(to), State: exchange.Waiting, Limit: 1})
			if len(waiting) > 0 { // somebody will approve it
				return false
			}
		}
	}
	return true
}

func (w *world) conflicts() bool {
	for _, s := range w.servers {
		if all, _ := s.book.Conflicts(context.Background()); len(all) > 0 {
			return true
		}
	}
	return false
}

// wrong returns what a history must not end with.
func (w *world) wrong() string {
	var bad []string
	add := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	for _, s := range w.servers {
		if got, want := s.engine.said(), w.servers[0].engine.said(); got != want {
			add("diverged: server %d has %.300s, server 0 %.300s", s.n, got, want)
		}
		if tag := s.engine.twice(); tag != "" {
			add("taken twice on server %d: %s", s.n, tag)
		}
		if s.engine.overwritten > 0 {
			add("overwritten on server %d: %d", s.n, s.engine.overwritten)
		}
		if all, _ := s.book.Intents(context.Background()); len(all) > 0 {
			add("stuck on server %d: %d intents", s.n, len(all))
		}
		if id := w.unapproved(s); id != "" {
			add("applied without approval on server %d: %s", s.n, id)
		}
		if all, _ := s.book.Approvals(context.Background(), "", 1000); len(all) > 0 && !w.known(s, all) {
			add("held for ever on server %d: %d changes", s.n, len(all))
		}
		if n := w.madeUp(s); n > 0 {
			add("made up on server %d: %d changes of nobody", s.n, n)
		}
		if lost := w.lost(s); lost != "" {
			add("lost on server %d: %s", s.n, lost)
		}
	}
	return strings.Join(bad, "; ")
}

// madeUp counts changes of a server that nobody wrote there.
func (w *world) madeUp(s *server) (n int) {
	written := map[sync.Digest]bool{}
	for _, say := range s.engine.sayings {
		written[sync.DigestOf([]byte(say.text))] = true
	}
	all, _ := s.book.History(context.Background(), "", 1<<20)
	for _, e := range all {
		c := e.Change
		if c.ID.Origin == serverOf(s.n) && c.Author == "somebody" && c.Op == sync.Put && !written[c.Payload] &&
			!strings.Contains(readAll(w.t, s.book, c.Payload), " as ") {
			n++
		}
	}
	return n
}

// lost returns an edit of a person that is no change anywhere. One that the same person's next edit
// replaced before anybody looked needs none, nor does one that says what was shown already.
func (w *world) lost(s *server) string {
	digests := map[string]bool{}
	all, _ := s.book.History(context.Background(), "", 1<<20)
	for _, e := range all {
		digests[string(e.Change.Object)+e.Change.Payload.String()] = true
	}
	for _, say := range s.engine.sayings {
		if say.text == "" || digests[string(say.object)+sync.DigestOf([]byte(say.text)).String()] {
			continue
		}
		if next := s.engine.firstAfter(say.object, say.seq); next.Seq == 0 || next.Tag != "" {
			return fmt.Sprintf("%q of %s", say.text, say.object)
		}
	}
	return ""
}

func (w *world) summary() string {
	return fmt.Sprintf("%d edits, %d crashes, %d lost, %d doubled, %d in the moment, %d payloads, %d offers, %d decisions, %d approvals",
		w.edits, w.crashes, w.lostN, w.doubledN, w.moments, w.payloads, w.offers, w.decisions, w.approvals)
}

// topologies are the targets of each server.
var topologies = map[string][][]int{
	"pair": {{1}, {0}}, "star of 4": star(4), "star of 10": star(10), "ring of 4 one way": {{1}, {2}, {3}, {0}},
	"ring of 4": {{1, 3}, {0, 2}, {1, 3}, {2, 0}}, "mesh of 4": mesh(4), "mesh of 6": mesh(6),
	"tree": {{1}, {0, 2, 3}, {1}, {1, 4}, {3}}, "chain": {{1}, {0, 2}, {1, 3}, {2}},
	"two rings": {{1}, {2}, {0, 3}, {4}, {2}},
}

func star(n int) [][]int {
	all := make([][]int, n)
	for i := 1; i < n; i++ {
		all[0] = append(all[0], i)
		all[i] = []int{0}
	}
	return all
}

func mesh(n int) [][]int {
	all := make([][]int, n)
	for i := range n {
		for j := range n {
			if i != j {
				all[i] = append(all[i], j)
			}
		}
	}
	return all
}

var modes = map[string]struct {
	policy sync.Policy
	faults faults
}{
	"calm":              {sync.Policy{Mode: sync.Hold}, faults{}},
	"hold":              {sync.Policy{Mode: sync.Hold}, badly},
	"hold, all decide":  {sync.Policy{Mode: sync.Hold}, faults{lost: 0.1, doubled: 0.1, crash: 0.015, moment: 0.03, shuffled: true, everybody: true}},
	"approvals":         {sync.Policy{Mode: sync.Hold}, faults{lost: 0.1, doubled: 0.1, crash: 0.015, moment: 0.03, shuffled: true, approve: true}},
	"newest, approvals": {sync.Policy{Mode: sync.Newest}, faults{lost: 0.1, doubled: 0.1, crash: 0.015, moment: 0.03, shuffled: true, approve: true}},
	"newest":            {sync.Policy{Mode: sync.Newest}, badly},
	"prefer":            {sync.Policy{Mode: sync.Prefer, Prefer: []sync.ServerID{serverOf(2), serverOf(0)}}, badly},
}

// TestModel plays histories over the real replica, and wants that nothing is lost, taken twice,
// overwritten, different at the end, or stuck. With -histories 200 it plays 14,000.
func TestModel(t *testing.T) {
	for topology, links := range topologies {
		for mode, m := range modes {
			t.Run(topology+"/"+mode, func(t *testing.T) {
				var sum world
				for seed := range *histories {
					w := newWorld(t, uint64(seed), links, m.policy, m.faults, memoryBook)
					w.play(12)
					if bad := w.wrong(); bad != "" {
						t.Fatalf("history %d: %s", seed, bad)
					}
					sum.add(w)
				}
				t.Log(sum.summary())
			})
		}
	}
}

func (w *world) add(o *world) {
	w.edits += o.edits
	w.crashes += o.crashes
	w.lostN += o.lostN
	w.doubledN += o.doubledN
	w.moments += o.moments
	w.payloads += o.payloads
	w.offers += o.offers
	w.decisions += o.decisions
	w.approvals += o.approvals
}

// TestControlsFail holds the model itself: without compare-and-set edits are overwritten, without
// intents histories go wrong. A model that does not find these finds nothing.
func TestControlsFail(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"without compare-and-set": {func(w *world) {
			for _, s := range w.servers {
				s.engine.careless = true
			}
		}, "overwritten"},
		"without intents": {func(w *world) {
			w.forgetful, w.faults.crash = true, 0.1
			for _, s := range w.servers {
				w.boot(s)
			}
		}, "made up"},
		"without a gate": {func(w *world) { w.open, w.faults.approve = true, true }, "without approval"},
	} {
		t.Run(name, func(t *testing.T) {
			found := 0
			for seed := range 60 {
				quiet := &silent{TB: t}
				w := newWorld(quiet, uint64(seed), star(4), sync.Policy{Mode: sync.Hold}, badly, memoryBook)
				c.spoil(w)
				func() {
					defer func() {
						if recover() != nil {
							found++
						}
					}()
					w.play(12)
					if bad := w.wrong(); strings.Contains(bad, c.want) && bad != "" || quiet.failed {
						found++
					}
				}()
			}
			if found == 0 {
				t.Error("60 histories went well")
			}
			t.Logf("%d of 60 histories went wrong", found)
		})
	}
}

// silent counts failures of a world that is meant to fail.
type silent struct {
	testing.TB
	failed bool
}

func (s *silent) Errorf(string, ...any)        { s.failed = true }
func (s *silent) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (s *silent) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }

// TestOneChangeIsOnePayloadAServer counts contents that travel for one change in a quiet network.
func TestOneChangeIsOnePayloadAServer(t *testing.T) {
	for name, links := range topologies {
		for origin := range links {
			w := newWorld(t, 1, links, sync.Policy{}, faults{}, memoryBook)
			w.servers[origin].engine.edit("s/article/a", "hello")
			w.rest()
			if want := len(links) - 1; w.payloads != want || w.wrong() != "" {
				t.Errorf("%s from %d: %d payloads, want %d; %s", name, origin, w.payloads, want, w.wrong())
			}
		}
	}
}

// TestPayloadsNearTheOptimum counts what calm and bad networks cost above one content a server.
func TestPayloadsNearTheOptimum(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults faults
		most   float64
	}{{"calm", faults{}, 1.01}, {"a tenth lost", faults{lost: 0.1, doubled: 0.1, shuffled: true}, 1.2}} {
		for _, topology := range []string{"star of 10", "ring of 4 one way", "mesh of 6"} {
			links := topologies[topology]
			payloads, needed, offers := 0, 0, 0
			for seed := range 10 {
				w := newWorld(t, uint64(seed), links, sync.Policy{}, tt.faults, memoryBook)
				for i := range 40 { // each an object of its own, and the network at work meanwhile
					s := w.servers[w.rnd.IntN(len(w.servers))]
					s.engine.edit(sync.Object(fmt.Sprintf("s/article/%d", i)), w.text())
					for range 20 {
						at := w.servers[w.rnd.IntN(len(w.servers))]
						w.pull(at)
						w.send(at, w.links[at.n][w.rnd.IntN(len(w.links[at.n]))])
						w.deliver()
					}
				}
				w.rest()
				if bad := w.wrong(); bad != "" {
					t.Fatal(bad)
				}
				payloads, needed, offers = payloads+w.payloads, needed+40*(len(links)-1), offers+w.offers
			}
			if got := float64(payloads) / float64(needed); got > tt.most {
				t.Errorf("%s, %s: %.3f × the optimum, want at most %.2f", topology, tt.name, got, tt.most)
			} else {
				t.Logf("%s, %s: %.3f × the payloads needed, %.2f × the offers", topology, tt.name, got, float64(offers)/float64(needed))
			}
		}
	}
}

// readAll reads a content of a server.
func readAll(t testing.TB, b exchange.Blobs, d sync.Digest) string {
	t.Helper()
	r, _, err := b.Open(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}
