package errandstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/errands"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

// Clock is a store's clock that tests move.
type Clock struct{ offset time.Duration }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time { return time.Now().Add(c.offset) }

// Offset returns how far it was moved.
func (c *Clock) Offset() time.Duration { return c.offset }

// Opener opens a journal in a directory, judged by that clock. Opening the same directory again finds what was kept.
type Opener func(t testing.TB, dir string, clock *Clock) (j errands.Journal, closes func() error)

// place is a journal that a test has.
type place struct {
	errands.Journal
	t      *testing.T
	ctx    context.Context
	clock  *Clock
	reopen func()
}

// Test runs the suite.
func Test(t *testing.T, open Opener) {
	for _, tt := range []struct {
		name string
		test func(p *place)
	}{
		{"what is handed in is kept whole", whole},
		{"rows are read in order", inOrder},
		{"what is known is not kept again", known},
		{"an edit comes back from before", before},
		{"a delivery is opened, ends, and is found by its tag", delivery},
		{"a delivery of what moved is refused", moved},
		{"a delivery that was undone never was", undone},
		{"a delivery that somebody is at", underWay},
		{"a delivery that was taken over is ended by who has it now", takenOver},
		{"a delivery that was left", left},
		{"what is handed in meanwhile comes behind the delivery", meanwhile},
		{"a delivery that was opened before what was read comes to the end", behindTheReader},
		{"the first row of an object behind another", firsts},
		{"documents", documents},
		{"what is old is forgotten", pruned},
		{"many at once", atOnce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &place{t: t, ctx: t.Context(), clock: &Clock{}}
			dir := t.TempDir()
			var closes func() error
			p.Journal, closes = open(t, dir, p.clock)
			p.reopen = func() {
				must(t, closes())
				p.Journal, closes = open(t, dir, p.clock)
			}
			t.Cleanup(func() { must(t, closes()) })
			tt.test(p)
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// edited is a row that somebody made.
func edited(object, text string) errands.Row {
	r := errands.Row{Object: words.Object("shop/kentico.document/" + object), Title: "Home & garden", Author: "größe",
		Digest: words.DigestOf([]byte(text)), Size: int64(len(text)), Content: "c" + text, State: "s" + text,
		Made:  time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Needs: []words.Object{"shop/kentico.document/p", "shop/kentico.media.library/ü"}}
	return r
}

func deleted(object string) errands.Row {
	return errands.Row{Object: words.Object("shop/kentico.document/" + object), Deleted: true, Content: "d"}
}

func (p *place) handIn(r errands.Row) int64 {
	p.t.Helper()
	seq, known, err := p.HandIn(p.ctx, r)
	must(p.t, err)
	if known {
		p.t.Fatalf("%s is known", r.Object)
	}
	return seq
}

// begin opens a delivery of "me".
func (p *place) begin(r errands.Row, expect int64, tag string) int64 {
	p.t.Helper()
	r.Tag = tag
	seq, done, err := p.Begin(p.ctx, r, expect, "me", time.Minute)
	must(p.t, err)
	if done {
		p.t.Fatalf("the delivery %s is done", tag)
	}
	return seq
}

func (p *place) carried(seq int64) int64 {
	p.t.Helper()
	at, err := p.Carried(p.ctx, seq, "me", time.UnixMicro(1_000_000), time.UnixMicro(2_000_001))
	must(p.t, err)
	return at
}

// texts are the objects and tags after a number.
func (p *place) texts(after int64, limit int) string {
	p.t.Helper()
	all, err := p.Rows(p.ctx, after, limit)
	must(p.t, err)
	out := ""
	for _, r := range all {
		_, _, id := r.Object.Parts()
		out += id + r.Tag + " "
	}
	return out
}

func (p *place) want(got, want any) {
	p.t.Helper()
	if !reflect.DeepEqual(got, want) {
		p.t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func whole(p *place) {
	want := edited("a", "text")
	want.Seq = p.handIn(want)
	p.reopen()
	got, err := p.Row(p.ctx, want.Seq)
	must(p.t, err)
	if since := time.Since(got.At); since < -time.Minute || since > time.Minute {
		p.t.Errorf("written at %s", got.At)
	}
	want.At = got.At
	p.want(got, want)
	gone := deleted("b")
	gone.Seq = p.handIn(gone)
	got, err = p.Row(p.ctx, gone.Seq)
	must(p.t, err)
	gone.At = got.At
	p.want(got, gone)
	if _, err := p.Row(p.ctx, gone.Seq+1); !errors.Is(err, store.ErrNotFound) {
		p.t.Errorf("a row that never was: %v", err)
	}
}

func inOrder(p *place) {
	p.want(p.texts(0, 10), "")
	first := p.handIn(edited("a", "1"))
	p.handIn(edited("b", "1"))
	p.handIn(edited("a", "2"))
	p.want(p.texts(0, 10), "a b a ")
	p.want(p.texts(0, 2), "a b ")
	p.want(p.texts(first, 10), "b a ")
	all, err := p.Last(p.ctx, edited("a", "").Object, 0, 10)
	must(p.t, err)
	if len(all) != 2 || all[0].Content != "c2" || all[1].Content != "c1" {
		p.t.Errorf("%+v", all)
	}
	all, err = p.Last(p.ctx, edited("a", "").Object, all[0].Seq, 10)
	must(p.t, err)
	if len(all) != 1 || all[0].Seq != first {
		p.t.Errorf("before: %+v", all)
	}
}

func known(p *place) {
	first := p.handIn(edited("a", "1"))
	seq, again, err := p.HandIn(p.ctx, edited("a", "1"))
	must(p.t, err)
	if !again || seq != first {
		p.t.Errorf("row %d, known %t", seq, again)
	}
	p.handIn(edited("b", "1")) // of another object
	gone := p.handIn(deleted("a"))
	seq, again, err = p.HandIn(p.ctx, deleted("a"))
	must(p.t, err)
	if !again || seq != gone {
		p.t.Errorf("deleted twice: row %d, known %t", seq, again)
	}
	p.want(p.texts(0, 10), "a b a ")
}

// before: an edit that is handed in once more after others came is no new one; without a time nobody can tell.
func before(p *place) {
	first := p.handIn(edited("a", "1"))
	d := p.begin(edited("a", "2"), first, "t")
	p.carried(d)
	seq, again, err := p.HandIn(p.ctx, edited("a", "1"))
	must(p.t, err)
	if !again || seq != first {
		p.t.Errorf("row %d, known %t", seq, again)
	}
	timeless := edited("b", "1")
	timeless.Made = time.Time{}
	p.handIn(timeless)
	p.handIn(edited("b", "2"))
	p.handIn(timeless)
	p.want(p.texts(0, 10), "a at b b b ")
}

func delivery(p *place) {
	first := p.handIn(edited("a", "1"))
	seq := p.begin(edited("a", "2"), first, "tag/ä")
	p.want(p.texts(0, 10), "a ")
	if _, err := p.Row(p.ctx, seq); !errors.Is(err, store.ErrNotFound) {
		p.t.Errorf("an open row is read: %v", err)
	}
	all, err := p.Last(p.ctx, edited("a", "").Object, 0, 10)
	must(p.t, err)
	if len(all) != 2 || !all[0].Open || all[0].Tag != "tag/ä" {
		p.t.Errorf("%+v", all)
	}
	at := p.carried(seq)
	p.reopen()
	got, err := p.Row(p.ctx, at)
	must(p.t, err)
	if got.Open || got.Begun.UnixMicro() != 1_000_000 || got.Ended.UnixMicro() != 2_000_001 || got.Content != "c2" {
		p.t.Errorf("%+v", got)
	}
	again := edited("a", "2")
	again.Tag = "tag/ä"
	repeated, done, err := p.Begin(p.ctx, again, first, "you", time.Minute)
	must(p.t, err)
	if !done || repeated != at {
		p.t.Errorf("a repeat is row %d, done %t", repeated, done)
	}
	if _, err := p.Carried(p.ctx, seq, "me", time.Time{}, time.Time{}); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("ended twice: %v", err)
	}
	p.want(p.texts(0, 10), "a atag/ä ")
}

func moved(p *place) {
	fresh := edited("a", "1")
	fresh.Tag = "t"
	for _, expect := range []int64{1, 7} {
		if _, _, err := p.Begin(p.ctx, fresh, expect, "me", time.Minute); !errors.Is(err, errands.ErrMoved) {
			p.t.Errorf("of an object without rows, expecting %d: %v", expect, err)
		}
	}
	first := p.handIn(edited("a", "1"))
	p.handIn(edited("a", "2"))
	for _, expect := range []int64{0, first} {
		if _, _, err := p.Begin(p.ctx, fresh, expect, "me", time.Minute); !errors.Is(err, errands.ErrMoved) {
			p.t.Errorf("expecting %d: %v", expect, err)
		}
	}
	p.want(p.texts(0, 10), "a a ")
}

func undone(p *place) {
	seq := p.begin(edited("a", "1"), 0, "t")
	must(p.t, p.Undo(p.ctx, seq, "me"))
	if err := p.Undo(p.ctx, seq, "me"); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("once more: %v", err)
	}
	all, err := p.Last(p.ctx, edited("a", "").Object, 0, 10)
	must(p.t, err)
	if len(all) > 0 {
		p.t.Errorf("%+v", all)
	}
	at := p.carried(p.begin(edited("a", "1"), 0, "t"))
	if err := p.Undo(p.ctx, at, "me"); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("of one that has ended: %v", err)
	}
	p.want(p.texts(0, 10), "at ")
}

func underWay(p *place) {
	mine := p.begin(edited("a", "1"), 0, "t")
	theirs := edited("a", "1")
	theirs.Tag = "t"
	if _, _, err := p.Begin(p.ctx, theirs, 0, "you", time.Minute); !errors.Is(err, errands.ErrUnderWay) {
		p.t.Errorf("of another gateway: %v", err)
	}
	p.begin(edited("b", "1"), 0, "t") // of another object
	p.clock.offset += 2 * time.Minute
	seq, done, err := p.Begin(p.ctx, theirs, 0, "you", time.Minute)
	must(p.t, err)
	if done {
		p.t.Error("what was left is done")
	}
	if _, err := p.Carried(p.ctx, seq, "you", time.Time{}, time.Time{}); err != nil {
		p.t.Errorf("of who came second: %v", err)
	}
	if _, err := p.Carried(p.ctx, mine, "me", time.Time{}, time.Time{}); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("of who was first: %v", err)
	}
}

// takenOver: who froze, and woke, must not end what another began in its place, under the same number.
func takenOver(p *place) {
	mine := p.begin(edited("a", "1"), 0, "t")
	p.clock.offset += 2 * time.Minute
	theirs := edited("a", "2")
	theirs.Tag = "u"
	seq, _, err := p.Begin(p.ctx, theirs, 0, "you", time.Minute)
	must(p.t, err)
	p.want(seq, mine)
	if err := p.Undo(p.ctx, mine, "me"); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("undone by who had it: %v", err)
	}
	if _, err := p.Carried(p.ctx, mine, "me", time.Time{}, time.Time{}); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("ended by who had it: %v", err)
	}
	p.want(p.texts(0, 10), "")
	_, err = p.Carried(p.ctx, seq, "you", time.Time{}, time.Time{})
	must(p.t, err)
	p.want(p.texts(0, 10), "au ")
}

func left(p *place) {
	p.begin(edited("a", "1"), 0, "t")
	p.reopen()
	seq := p.begin(edited("a", "1"), 0, "t")
	edit := p.handIn(edited("a", "2"))
	another := p.begin(edited("a", "3"), edit, "u")
	if another <= edit {
		p.t.Errorf("a delivery after row %d is row %d", edit, another)
	}
	if _, err := p.Carried(p.ctx, seq, "me", time.Time{}, time.Time{}); !errors.Is(err, store.ErrStale) {
		p.t.Errorf("of what was replaced: %v", err)
	}
	p.carried(another)
	p.want(p.texts(0, 10), "a au ")
}

func meanwhile(p *place) {
	seq := p.begin(edited("a", "1"), 0, "t")
	p.handIn(edited("a", "2"))
	at := p.carried(seq)
	if at != seq {
		p.t.Errorf("row %d became %d", seq, at)
	}
	p.want(p.texts(0, 10), "at a ")
}

func firsts(p *place) {
	o := edited("a", "").Object
	if _, err := p.First(p.ctx, o, 0); !errors.Is(err, store.ErrNotFound) {
		p.t.Errorf("none: %v", err)
	}
	p.handIn(edited("b", "1"))
	first := p.handIn(edited("a", "1"))
	second := p.carried(p.begin(edited("a", "2"), first, "t"))
	p.begin(edited("a", "3"), second, "u") // is open
	for after, want := range map[int64]int64{0: first, first - 1: first, first: second} {
		r, err := p.First(p.ctx, o, after)
		must(p.t, err)
		p.want(r.Seq, want)
	}
	if _, err := p.First(p.ctx, o, second); !errors.Is(err, store.ErrNotFound) {
		p.t.Errorf("an open one: %v", err)
	}
}

func behindTheReader(p *place) {
	seq := p.begin(edited("a", "1"), 0, "t")
	read := p.handIn(edited("b", "1"))
	if at := p.carried(seq); at <= read {
		p.t.Errorf("a row that nobody reads: %d, read up to %d", at, read)
	}
	p.want(p.texts(read, 10), "at ")
}

func documents(p *place) {
	o := edited("a", "").Object
	if _, err := p.Put(p.ctx, o); !errors.Is(err, store.ErrNotFound) {
		p.t.Errorf("none: %v", err)
	}
	first := p.handIn(edited("a", "1"))
	second := p.carried(p.begin(edited("a", "2"), first, "t"))
	p.begin(edited("a", "3"), second, "u") // is open
	got, err := p.Put(p.ctx, o)
	must(p.t, err)
	p.want(got.Content, "c2")
	p.handIn(deleted("a"))
	got, err = p.Put(p.ctx, o)
	must(p.t, err)
	p.want(got.Content, "c2")
	digest := func(s string) words.Digest { return words.DigestOf([]byte(s)) }
	named, err := p.Named(p.ctx, digest("1"), digest("2"), digest("3"), digest("4"))
	must(p.t, err)
	p.want(named, []bool{true, true, true, false})
}

func pruned(p *place) {
	p.handIn(edited("a", "1"))
	p.handIn(edited("a", "2"))
	p.handIn(deleted("a"))
	p.handIn(edited("b", "1"))
	open := p.begin(edited("c", "1"), 0, "t")
	n, err := p.Prune(p.ctx, time.Hour)
	must(p.t, err)
	p.want(n, 0)
	p.clock.offset += 2 * time.Hour
	p.handIn(edited("b", "2"))
	n, err = p.Prune(p.ctx, time.Hour)
	must(p.t, err)
	p.want(n, 2)
	p.want(p.texts(0, 10), "a a b ") // the newest document of a, its deletion, and the newest of b
	p.carried(open)
}

// atOnce: whoever reads up to a row finds none before it later.
func atOnce(p *place) {
	const writers, each = 4, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if _, _, err := p.HandIn(p.ctx, edited(fmt.Sprint(w, "-", i), "1")); err != nil {
					p.t.Error(err)
				}
			}
		})
	}
	seen, last := 0, int64(0)
	for done := false; !done; {
		done = seen == writers*each || p.t.Failed() || p.ctx.Err() != nil
		rows, err := p.Rows(p.ctx, last, 10)
		if err != nil {
			p.t.Error(err)
			break
		}
		for _, r := range rows {
			seen, last = seen+1, r.Seq
		}
	}
	all.Wait()
	p.want(seen, writers*each)
}
