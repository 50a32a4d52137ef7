package ownership

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestRepeats runs the conformance suite of store.Repeats, whose owners are members.
func TestRepeats(t *testing.T, open place.Opener[store.Database]) {
	place.Run(t, open, []place.Row[store.Database]{
		{Name: "begin and answer", Run: claimLife},
		{Name: "twin gets the first", Run: claimTwin},
		{Name: "begin that was carried out already", Run: claimOwn},
		{Name: "keys differ in every field", Run: claimKeys},
		{Name: "begin ends the scope", Run: claimBeginEnds},
		{Name: "a twin ends nothing", Run: claimTwinEnds},
		{Name: "a call that began before the answer is a twin", Run: claimOvertaken},
		{Name: "begin of a life that is over", Run: claimDead},
		{Name: "running becomes unknown with its owner", Run: claimUnknown},
		{Name: "a second process leaves what runs", Run: claimSecondProcess},
		{Name: "answer is fenced by the reference", Run: claimFence},
		{Name: "late answer of a dead owner", Run: claimLate},
		{Name: "void", Run: claimVoid},
		{Name: "end scope", Run: claimScope},
		{Name: "old ones are replaced", Run: claimOld},
		{Name: "unknown ones age from the end of their owner", Run: claimUnknownAge},
		{Name: "prune", Run: claimPrune},
		{Name: "cancelled", Run: claimCancelled},
		{Name: "one of many begins, in two processes", Run: claimConcurrent},
		{Name: "closed", Run: claimClosed},
	})
}

// claim is a call of the life named owner.
func claim(name, owner string) store.Repeat {
	return store.Repeat{
		Key: store.RepeatKey{Login: name, KeyID: "key", Method: "publishStagingRequest",
			Digest: "d1"},
		Scope: "request/5/" + name, Reference: "ref-" + name, Owner: owner, Node: "node of " + owner,
		State: store.RepeatRunning,
	}
}

// alive joins lives.
func alive(t *testing.T, s store.Database, ids ...string) {
	t.Helper()
	for _, id := range ids {
		join(t, s.Members(), member(id))
	}
}

func first(t *testing.T, s store.Database, rep store.Repeat) {
	t.Helper()
	got, fresh, err := s.Repeats().Begin(context.Background(), rep, 0)
	place.Must(t, err)
	if !fresh {
		t.Fatalf("begin of %v found %v", rep.Key, got)
	}
	sameRepeat(t, got, rep)
}

func sameRepeat(t *testing.T, got, want store.Repeat) {
	t.Helper()
	if got.StartedAt.IsZero() || got.AnsweredAt.IsZero() == (got.State == store.RepeatAnswered) {
		t.Errorf("%s started %v, answered %v", got.State, got.StartedAt, got.AnsweredAt)
	}
	got.StartedAt, got.AnsweredAt, want.Age = time.Time{}, time.Time{}, 0
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("repeat (-want +got):\n%s", d)
	}
}

// checkClaim wants the repeat of want.Key to be want, but for its times.
func checkClaim(t *testing.T, s store.Database, want store.Repeat) {
	t.Helper()
	got, err := s.Repeats().Repeat(context.Background(), want.Key)
	place.Must(t, err)
	sameRepeat(t, got, want)
}

func noClaim(t *testing.T, s store.Database, key store.RepeatKey) {
	t.Helper()
	_, err := s.Repeats().Repeat(context.Background(), key)
	place.WantErr(t, fmt.Sprintf("Repeat of %v", key), err, store.ErrNotFound)
}

func reply(t *testing.T, s store.Database, rep store.Repeat, body string) {
	t.Helper()
	place.Must(t, s.Repeats().Answer(context.Background(), rep.Key, rep.Reference, []byte(body)))
}

func answered(rep store.Repeat, body string) store.Repeat {
	rep.State, rep.Answer = store.RepeatAnswered, []byte(body)
	return rep
}

func ended(rep store.Repeat) store.Repeat {
	rep.Ended = true
	return rep
}

func unknown(rep store.Repeat) store.Repeat {
	rep.State = store.RepeatUnknown
	return rep
}

func claimLife(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	want := claim("x", "a")
	noClaim(t, p.Store, want.Key)
	first(t, p.Store, want)
	checkClaim(t, p.Store, want)
	checkClaim(t, p.Reopen(), want)
	body := string(bytes.Repeat([]byte{0, 0xac, 0xed, '\n'}, 1000))
	reply(t, p.Store, want, body)
	checkClaim(t, p.Another(), answered(want, body))
	checkClaim(t, p.Reopen(), answered(want, body))
	reply(t, p.Store, want, "another answer") // of an answered one: it stays
	checkClaim(t, p.Store, answered(want, body))

	void := claim("void", "a")
	first(t, p.Store, void)
	place.Must(t, p.Store.Repeats().Answer(context.Background(), void.Key, void.Reference, nil))
	checkClaim(t, p.Reopen(), answered(void, ""))
}

func claimTwin(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a", "b")
	orig := claim("x", "a")
	first(t, p.Store, orig)
	twin := orig
	twin.Reference, twin.Scope, twin.Owner, twin.Node = "ref-twin", "elsewhere", "b", "other"
	for _, s := range []store.Database{p.Store, p.Another()} {
		got, fresh, err := s.Repeats().Begin(context.Background(), twin, time.Minute)
		place.Must(t, err)
		if fresh {
			t.Error("the twin is to be carried out")
		}
		sameRepeat(t, got, orig)
	}
	reply(t, p.Store, orig, "answer")
	got, fresh, err := p.Store.Repeats().Begin(context.Background(), twin, time.Minute)
	place.Must(t, err)
	if fresh {
		t.Error("the twin is to be carried out")
	}
	sameRepeat(t, got, answered(orig, "answer"))
}

// claimOwn is a Begin whose answer was lost and that is sent again.
func claimOwn(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	rep := claim("x", "a")
	for _, s := range []store.Database{p.Store, p.Store, p.Another()} {
		first(t, s, rep)
	}
	checkClaim(t, p.Store, rep)
}

func claimKeys(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	var all []store.Repeat
	for i, s := range place.Odd {
		for f := range 4 {
			rep := claim("same", "a")
			*[]*string{&rep.Key.Login, &rep.Key.KeyID, &rep.Key.Method, &rep.Key.Digest}[f] = s
			rep.Reference = fmt.Sprintf("ref %d %d", i, f)
			rep.Scope = s
			first(t, p.Store, rep)
			all = append(all, rep)
		}
	}
	// fields that give the same text when they are joined
	for i, key := range []store.RepeatKey{{Login: "ab"}, {Login: "a", KeyID: "b"}, {KeyID: "ab"}} {
		rep := claim("", "a")
		rep.Key, rep.Reference, rep.Scope = key, fmt.Sprint("joined ", i), "joined"
		first(t, p.Store, rep)
		all = append(all, rep)
	}
	s := p.Reopen()
	for _, rep := range all {
		checkClaim(t, s, rep)
	}
}

func claimBeginEnds(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a", "dead")
	ofScope := func(name, owner string) store.Repeat {
		rep := claim(name, owner)
		rep.Scope = "request/5/%"
		return rep
	}
	done, running, lost := ofScope("done", "a"), ofScope("running", "a"), ofScope("lost", "dead")
	elsewhere := claim("elsewhere", "a")
	for _, rep := range []store.Repeat{running, lost, done, elsewhere} {
		first(t, p.Store, rep)
	}
	reply(t, p.Store, done, "1")
	reply(t, p.Store, elsewhere, "2")
	place.Must(t, p.Store.Members().Leave(context.Background(), "dead"))
	first(t, p.Store, ofScope("next", "a"))
	checkClaim(t, p.Store, ended(answered(done, "1")))
	checkClaim(t, p.Store, ended(unknown(lost)))
	checkClaim(t, p.Store, running)
	checkClaim(t, p.Store, answered(elsewhere, "2"))
	reply(t, p.Store, running, "3")
	twin := running
	twin.Reference = "ref-twin"
	got, fresh, err := p.Store.Repeats().Begin(context.Background(), twin, 0)
	place.Must(t, err)
	if fresh {
		t.Error("a twin ended the call that it repeats")
	}
	sameRepeat(t, got, answered(running, "3"))
}

// claimTwinEnds breaks the connections of two parts that were sent at once: each is sent again.
func claimTwinEnds(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	one, two := claim("one", "a"), claim("two", "a")
	two.Scope = one.Scope
	first(t, p.Store, one)
	first(t, p.Store, two)
	reply(t, p.Store, one, "1")
	reply(t, p.Store, two, "2")
	for range 2 {
		for _, rep := range []store.Repeat{answered(one, "1"), answered(two, "2")} {
			twin := rep
			twin.Reference = "ref-twin"
			got, fresh, err := p.Store.Repeats().Begin(context.Background(), twin, time.Minute)
			place.Must(t, err)
			if fresh {
				t.Errorf("%s is carried out twice", rep.Reference)
			}
			sameRepeat(t, got, rep)
		}
	}
}

// claimOvertaken has a call come after the repeat of it was carried out, answered and ended.
func claimOvertaken(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a")
	rep, other := claim("x", "a"), claim("y", "a")
	p.Pass(20)
	first(t, p.Store, rep)
	reply(t, p.Store, rep, "1")
	p.Pass(10)
	late := rep
	late.Reference, late.Age = "ref-late", 30*time.Second
	again := func(want store.Repeat, fresh bool) {
		t.Helper()
		got, own, err := p.Store.Repeats().Begin(ctx, late, time.Second)
		place.Must(t, err)
		if own != fresh {
			t.Errorf("fresh %t, want %t", own, fresh)
		}
		sameRepeat(t, got, want)
	}
	again(answered(rep, "1"), false) // its time is over, but it began before the answer
	other.Scope, other.Age = rep.Scope, 30*time.Second
	first(t, p.Store, other) // it began before too: nothing shows that its client has the answer
	checkClaim(t, p.Store, answered(rep, "1"))
	place.Must(t, p.Store.Repeats().EndScope(ctx, rep.Scope, other.Key, 30*time.Second))
	checkClaim(t, p.Store, answered(rep, "1"))
	place.Must(t, p.Store.Repeats().EndScope(ctx, "", other.Key, 0))
	checkClaim(t, p.Store, answered(rep, "1"))
	place.Must(t, p.Store.Repeats().EndScope(ctx, rep.Scope, other.Key, 0))
	again(ended(answered(rep, "1")), false) // whatever ended it
	late.Age = time.Second
	want := late
	want.Age = 0
	again(want, true)
}

func claimDead(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a", "b")
	done := claim("done", "b")
	first(t, p.Store, done)
	reply(t, p.Store, done, "1")
	rep := claim("x", "a")
	rep.Scope = done.Scope
	for _, owner := range []string{"nobody", ""} {
		rep.Owner = owner
		_, _, err := p.Store.Repeats().Begin(ctx, rep, 0)
		place.WantErr(t, "Begin of nobody", err, store.ErrStale)
	}
	rep.Owner = "a"
	p.Pass(61)
	_, _, err := p.Store.Repeats().Begin(ctx, rep, 0)
	place.WantErr(t, "Begin of a life that ran out", err, store.ErrStale)
	noClaim(t, p.Store, rep.Key)
	checkClaim(t, p.Store, answered(done, "1"))
}

func claimUnknown(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "left", "replaced", "out", "lives")
	reps := map[string]store.Repeat{}
	for _, owner := range []string{"left", "replaced", "out", "lives"} {
		reps[owner] = claim("of "+owner, owner)
		first(t, p.Store, reps[owner])
	}
	place.Must(t, p.Store.Members().Leave(ctx, "left"))
	next := member("next")
	next.Node = "node of replaced"
	join(t, p.Another().Members(), next)
	checkClaim(t, p.Store, unknown(reps["left"]))
	checkClaim(t, p.Store, unknown(reps["replaced"]))
	checkClaim(t, p.Store, reps["out"])
	p.Pass(50)
	place.Must(t, renew(p.Store.Members(), member("lives")))
	p.Pass(11)
	checkClaim(t, p.Store, unknown(reps["out"]))
	checkClaim(t, p.Reopen(), reps["lives"])
	place.WantErr(t, "Renew of a life that somebody saw run out", renew(p.Store.Members(), member("out")),
		store.ErrStale)
	twin := reps["out"]
	twin.Reference, twin.Owner = "ref-twin", "lives"
	got, fresh, err := p.Store.Repeats().Begin(ctx, twin, time.Hour)
	place.Must(t, err)
	if fresh {
		t.Error("what may have been carried out is to be carried out again")
	}
	sameRepeat(t, got, unknown(reps["out"]))
}

// claimSecondProcess starts a gateway beside one that runs.
func claimSecondProcess(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	rep := claim("x", "a")
	first(t, p.Store, rep)
	second := p.Another()
	alive(t, second, "b")
	checkClaim(t, second, rep)
	n, err := second.Repeats().PruneRepeats(context.Background(), 0)
	place.Must(t, err)
	if n != 0 {
		t.Errorf("pruned %d that run", n)
	}
	checkClaim(t, p.Store, rep)
}

func claimFence(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a", "b")
	old := claim("x", "a")
	answer := func() error {
		return p.Store.Repeats().Answer(ctx, old.Key, old.Reference, []byte("late"))
	}
	place.WantErr(t, "Answer of what never began", answer(), store.ErrNotFound)
	noClaim(t, p.Store, old.Key)
	first(t, p.Store, old)
	place.Must(t, p.Store.Members().Leave(ctx, "a"))
	place.Must(t, p.Store.Repeats().EndScope(ctx, old.Scope, store.RepeatKey{}, 0))
	newer := old
	newer.Reference, newer.Owner = "ref-newer", "b"
	first(t, p.Store, newer)
	place.WantErr(t, "Answer beside a newer call", answer(), store.ErrStale)
	checkClaim(t, p.Store, newer)
	place.Must(t, p.Store.Repeats().Void(ctx, old.Key, old.Reference))
	checkClaim(t, p.Store, newer)
}

func claimLate(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	rep := claim("x", "a")
	first(t, p.Store, rep)
	place.Must(t, p.Store.Members().Leave(context.Background(), "a"))
	checkClaim(t, p.Store, unknown(rep))
	reply(t, p.Store, rep, "late")
	checkClaim(t, p.Reopen(), answered(rep, "late"))
}

func claimVoid(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a")
	rep, done := claim("x", "a"), claim("done", "a")
	first(t, p.Store, rep)
	first(t, p.Store, done)
	reply(t, p.Store, done, "1")
	place.Must(t, p.Store.Repeats().Void(ctx, rep.Key, "another reference"))
	checkClaim(t, p.Store, rep)
	for range 2 {
		place.Must(t, p.Store.Repeats().Void(ctx, rep.Key, rep.Reference))
	}
	noClaim(t, p.Reopen(), rep.Key)
	first(t, p.Store, rep)
	place.Must(t, p.Store.Repeats().Void(ctx, done.Key, done.Reference))
	checkClaim(t, p.Store, answered(done, "1"))
}
