package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// batched is a pair of which the second takes what the first wrote in one message.
type batched struct {
	*world
	t    *testing.T
	from *server
	to   *server
}

func newBatched(t *testing.T) *batched {
	w := calm(t, topologies["pair"])
	return &batched{w, t, w.servers[0], w.servers[1]}
}

// offer is everything that is due, with the contents at the other end.
func (b *batched) offer() (all []sync.Offered) {
	b.t.Helper()
	b.pull(b.from)
	due, err := b.from.book.Due(b.t.Context(), serverOf(1), 200)
	b.must(err)
	for _, d := range due {
		e, err := b.from.book.Change(b.t.Context(), d.ID)
		b.must(err)
		all = append(all, sync.Offered{Change: e.Change, Processed: e.Listed})
		if e.Change.Op == sync.Put {
			b.must(b.to.book.PutAll(b.t.Context(), []byte(readAll(b.t, b.from.book, e.Change.Payload))))
		}
	}
	return all
}

func (b *batched) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func object(n int) sync.Object { return sync.Object(fmt.Sprint("s/article/", n)) }

// statuses are those of answers, by object.
func statuses(offered []sync.Offered, all []sync.Answer) map[sync.Object]sync.Status {
	out := map[sync.Object]sync.Status{}
	for i, a := range all {
		out[offered[i].Change.Object] = a.Status
		if a.ID != offered[i].Change.ID {
			out[offered[i].Change.Object] = "an answer about " + sync.Status(a.ID.String())
		}
	}
	return out
}

// TestManyAreTakenTogether: with one call of the engine, and the rest is as if each had come alone.
func TestManyAreTakenTogether(t *testing.T) {
	b := newBatched(t)
	for n := range 50 {
		b.from.engine.edit(object(n), fmt.Sprint("text ", n))
	}
	offered := b.offer()
	answers := b.to.replica.Receive(t.Context(), serverOf(0), offered)
	for o, s := range statuses(offered, answers) {
		if s != sync.StatusDone {
			t.Errorf("%s is %s", o, s)
		}
	}
	if b.to.engine.batches != 1 || len(b.to.engine.journal) != 50 || b.to.engine.said() != b.from.engine.said() {
		t.Errorf("%d calls, %d rows", b.to.engine.batches, len(b.to.engine.journal))
	}
	again := b.to.replica.Receive(t.Context(), serverOf(0), offered)
	for o, s := range statuses(offered, again) {
		if s != sync.StatusDone {
			t.Errorf("a second time %s is %s", o, s)
		}
	}
	if n, err := b.to.replica.Pull(t.Context()); len(b.to.engine.journal) != 50 || err != nil {
		t.Errorf("%d rows read, %d there, %v", n, len(b.to.engine.journal), err)
	}
	if have, err := b.to.book.Have(t.Context()); err != nil || have[serverOf(1)] != 0 || have[serverOf(0)] != 50 {
		t.Errorf("have %v, %v", have, err)
	}
}

// TestOneOfManyIsRefused: the others do not notice.
func TestOneOfManyIsRefused(t *testing.T) {
	b := newBatched(t)
	for n := range 4 {
		b.from.engine.edit(object(n), fmt.Sprint("text ", n))
	}
	b.from.engine.parents, b.to.engine.parents = true, true
	b.from.engine.edit("s/article/a/b", "a child whose parent is not there")
	b.to.engine.edit(object(1), "of a person, whom nobody noticed yet")
	offered := b.offer()
	got := statuses(offered, b.to.replica.Receive(t.Context(), serverOf(0), offered))
	for o, want := range map[sync.Object]sync.Status{object(0): sync.StatusDone, object(1): sync.StatusHeld, object(2): sync.StatusDone,
		object(3): sync.StatusDone, "s/article/a/b": sync.StatusWait} {
		if got[o] != want {
			t.Errorf("%s is %q, want %q", o, got[o], want)
		}
	}
	if text := b.to.engine.text[object(1)]; text != "of a person, whom nobody noticed yet" {
		t.Errorf("the person's text is %q", text)
	}
	if all, err := b.to.book.Intents(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("intents %+v, %v", all, err)
	}
}

// TestOneOfManyFails: what the engine cannot do for one object is no failure of the others.
func TestOneOfManyFails(t *testing.T) {
	b := newBatched(t)
	for n := range 4 {
		b.from.engine.edit(object(n), fmt.Sprint("text ", n))
	}
	b.to.engine.before = func(o sync.Object) {
		b.to.engine.fails = nil
		if o == object(2) {
			b.to.engine.fails = fmt.Errorf("%w: it is broken", source.ErrFailed)
		}
	}
	offered := b.offer()
	answers := b.to.replica.Receive(t.Context(), serverOf(0), offered)
	for i, a := range answers {
		bad := offered[i].Change.Object == object(2)
		if bad && (a.Status != sync.StatusLater || a.Reason != replica.ReasonEngine) || !bad && a.Status != sync.StatusDone {
			t.Errorf("%s: %+v", offered[i].Change.Object, a)
		}
	}
	if tag := b.to.engine.twice(); tag != "" || len(b.to.engine.journal) != 3 {
		t.Errorf("%d rows, %q twice", len(b.to.engine.journal), tag)
	}
}

// TestTwoVersionsInOneMessage: of two changes of one object that do not contain each other, both count.
func TestTwoVersionsInOneMessage(t *testing.T) {
	b := newBatched(t)
	first, second := object(0), object(1)
	b.from.engine.edit(first, "mine")
	b.from.engine.edit(second, "another")
	offered := b.offer()
	c := &sync.Change{ID: sync.ID{Origin: serverOf(2), Counter: 1}, Object: first, Op: sync.Put, Payload: sync.DigestOf([]byte("theirs")),
		Size: 6, Stamp: sync.Stamp{Milli: noon.UnixMilli()}}
	c.Follow(nil)
	c.Sign(keyOf(2))
	b.must(b.to.book.PutAll(t.Context(), []byte("theirs")))
	offered = append(offered, sync.Offered{Change: c})
	answers := b.to.replica.Receive(t.Context(), serverOf(0), offered)
	if answers[0].Status != sync.StatusDone || answers[1].Status != sync.StatusDone || answers[2].Status != sync.StatusHeld {
		t.Errorf("answers %+v", answers)
	}
	if s, err := b.to.book.Object(t.Context(), first); err != nil || len(s.Versions) != 2 || b.to.engine.text[first] != "mine" {
		t.Errorf("state %+v, %v, shown %q", s, err, b.to.engine.text[first])
	}
}

// singly is an engine that takes one object at a time and says so.
type singly struct {
	*engine
	asked int
}

func (e *singly) ApplyAll(context.Context, []source.Application) ([]source.Applied, error) {
	e.asked++
	return nil, source.ErrSingly
}

// stubborn is a book that does not keep the first acceptance of several.
type stubborn struct {
	book
	err error
}

func (b *stubborn) Accept(ctx context.Context, f exchange.Fence, all ...exchange.Acceptance) error {
	if len(all) > 1 && b.err != nil {
		err := b.err
		b.err = nil
		return err
	}
	return b.book.Accept(ctx, f, all...)
}

// other is the second server of a pair with a part exchanged.
func (b *batched) other(s source.Source, changes exchange.Changes) *replica.Replica {
	b.t.Helper()
	r, err := replica.New(replica.Config{Key: keyOf(1), Source: s, Journal: journal, Changes: changes, Blobs: b.to.book,
		Policy: func() sync.Policy { return b.policy }, Targets: func(sync.Object) []sync.ServerID { return nil },
		Now: b.clock()})
	b.must(err)
	_, err = r.Pull(b.t.Context()) // it settles what it knows nothing of
	b.must(err)
	return r
}

func TestAnEngineThatTakesOneAtATimeIsAskedOnce(t *testing.T) {
	b := newBatched(t)
	e := &singly{engine: b.to.engine}
	r := b.other(e, b.to.book)
	for n := range 3 {
		b.from.engine.edit(object(n), "first")
		b.from.engine.edit(object(n+10), "first")
		offered := b.offer()
		for o, s := range statuses(offered, r.Receive(t.Context(), serverOf(0), offered)) {
			if s != sync.StatusDone {
				t.Errorf("%s is %s", o, s)
			}
		}
	}
	if e.asked != 1 || b.to.engine.said() != b.from.engine.said() {
		t.Errorf("asked %d times; it has %s", e.asked, b.to.engine.said())
	}
	if all, err := b.to.book.Intents(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("intents %+v, %v", all, err)
	}
}

// TestWhatWasNotKeptIsSettled: the engine has all of it and the book nothing, for whatever reason.
func TestWhatWasNotKeptIsSettled(t *testing.T) {
	for name, err := range map[string]error{"the disk was full": store.ErrFull, "somebody was faster": store.ErrStale, "it broke": errors.New("broken")} {
		t.Run(name, func(t *testing.T) {
			b := newBatched(t)
			r := b.other(b.to.engine, &stubborn{b.to.book, err})
			for n := range 5 {
				b.from.engine.edit(object(n), fmt.Sprint("text ", n))
			}
			offered := b.offer()
			for o, s := range statuses(offered, r.Receive(t.Context(), serverOf(0), offered)) {
				if s != sync.StatusDone {
					t.Errorf("%s is %s", o, s)
				}
			}
			if tag := b.to.engine.twice(); tag != "" || len(b.to.engine.journal) != 5 || b.to.engine.said() != b.from.engine.said() {
				t.Errorf("%d rows, %q twice", len(b.to.engine.journal), tag)
			}
			if have, err := b.to.book.Have(t.Context()); err != nil || have[serverOf(0)] != 5 || have[serverOf(1)] != 0 {
				t.Errorf("have %v, %v", have, err)
			}
		})
	}
}

// asked is an engine that counts how often its journal is read.
type asked struct {
	*engine
	looks int
}

func (e *asked) Changes(ctx context.Context, after int64, limit int) ([]source.Row, error) {
	e.looks++
	return e.engine.Changes(ctx, after, limit)
}

// TestIntentsOfManyAreSettledWithOneLook into a journal that is long, each by its own row.
func TestIntentsOfManyAreSettledWithOneLook(t *testing.T) {
	b := newBatched(t)
	for n := range 3000 {
		b.to.engine.edit(object(1000+n), "of before")
	}
	const many = 20
	for n := range many {
		b.from.engine.edit(object(n), fmt.Sprint("text ", n))
	}
	e := &asked{engine: b.to.engine}
	full := &stubborn{book: b.to.book}
	r := b.other(e, full)
	offered := b.offer()
	e.looks, full.err = 0, store.ErrFull
	for o, s := range statuses(offered, r.Receive(t.Context(), serverOf(0), offered)) {
		if s != sync.StatusDone {
			t.Errorf("%s is %s", o, s)
		}
	}
	if e.looks > 10 {
		t.Errorf("the journal was read %d times", e.looks)
	}
	if tag := b.to.engine.twice(); tag != "" || len(b.to.engine.journal) != 3000+many {
		t.Errorf("%d rows, %q twice", len(b.to.engine.journal), tag)
	}
	if all, err := b.to.book.Intents(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("intents %+v, %v", all, err)
	}
}

// TestLargeContentsGoAlone: one that is too large for a batch does not hold the small ones up.
func TestLargeContentsGoAlone(t *testing.T) {
	b := newBatched(t)
	large := string(bytes.Repeat([]byte("x"), sync.MaxInline+1))
	b.from.engine.edit(object(0), large)
	for n := range 3 {
		b.from.engine.edit(object(n+1), "small")
	}
	offered := b.offer()
	for o, s := range statuses(offered, b.to.replica.Receive(t.Context(), serverOf(0), offered)) {
		if s != sync.StatusDone {
			t.Errorf("%s is %s", o, s)
		}
	}
	if b.to.engine.batches != 1 || b.to.engine.text[object(0)] != large {
		t.Errorf("%d calls; it has %d bytes", b.to.engine.batches, len(b.to.engine.text[object(0)]))
	}
}

// TestOfManyAContentIsMissing: that one is wanted, the others are done.
func TestOfManyAContentIsMissing(t *testing.T) {
	b := newBatched(t)
	for n := range 3 {
		b.from.engine.edit(object(n), fmt.Sprint("text ", n))
	}
	offered := b.offer()
	absent := *offered[1].Change
	absent.Payload = sync.DigestOf([]byte("nobody sent it"))
	absent.Sign(keyOf(0))
	offered[1].Change = &absent
	answers := b.to.replica.Receive(t.Context(), serverOf(0), offered)
	var got []sync.Status
	for _, a := range answers {
		got = append(got, a.Status)
	}
	if !slices.Equal(got, []sync.Status{sync.StatusDone, sync.StatusWant, sync.StatusDone}) {
		t.Errorf("answers %v", got)
	}
}

// clinging is a book that does not forget the first intents.
type clinging struct {
	book
	err error
}

func (b *clinging) Forget(ctx context.Context, all ...sync.Intent) error {
	if err := b.err; err != nil {
		b.err = nil
		return err
	}
	return b.book.Forget(ctx, all...)
}

// TestAnIntentThatCouldNotBeForgottenIsSettled, whether its change came alone or with others.
func TestAnIntentThatCouldNotBeForgottenIsSettled(t *testing.T) {
	for name, n := range map[string]int{"alone": 1, "with others": 3} {
		t.Run(name, func(t *testing.T) {
			b := newBatched(t)
			r := b.other(b.to.engine, &clinging{b.to.book, store.ErrFull})
			b.from.engine.parents, b.to.engine.parents = true, true
			for i := range n {
				b.from.engine.edit(object(i)+"/child", "a child whose parent is not there")
			}
			r.Receive(t.Context(), serverOf(0), b.offer())
			_, err := r.Pull(t.Context())
			b.must(err)
			if all, err := b.to.book.Intents(t.Context()); err != nil || len(all) > 0 {
				t.Errorf("intents %+v, %v", all, err)
			}
		})
	}
}
