package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
)

// TestRepeats runs the conformance suite of store.Repeats, whose owners are members.
func TestRepeats(t *testing.T, open Opener[store.Database]) {
	rows(t, open, []row[store.Database]{
		{"begin and answer", claimLife},
		{"twin gets the first", claimTwin},
		{"begin that was carried out already", claimOwn},
		{"keys differ in every field", claimKeys},
		{"begin ends the scope", claimBeginEnds},
		{"a twin ends nothing", claimTwinEnds},
		{"a call that began before the answer is a twin", claimOvertaken},
		{"begin of a life that is over", claimDead},
		{"running becomes unknown with its owner", claimUnknown},
		{"a second process leaves what runs", claimSecondProcess},
		{"answer is fenced by the reference", claimFence},
		{"late answer of a dead owner", claimLate},
		{"void", claimVoid},
		{"end scope", claimScope},
		{"old ones are replaced", claimOld},
		{"unknown ones age from the end of their owner", claimUnknownAge},
		{"prune", claimPrune},
		{"cancelled", claimCancelled},
		{"one of many begins, in two processes", claimConcurrent},
		{"closed", claimClosed},
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
	must(t, err)
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
	must(t, err)
	sameRepeat(t, got, want)
}

func noClaim(t *testing.T, s store.Database, key store.RepeatKey) {
	t.Helper()
	_, err := s.Repeats().Repeat(context.Background(), key)
	wantErr(t, fmt.Sprintf("Repeat of %v", key), err, store.ErrNotFound)
}

func reply(t *testing.T, s store.Database, rep store.Repeat, body string) {
	t.Helper()
	must(t, s.Repeats().Answer(context.Background(), rep.Key, rep.Reference, []byte(body)))
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

func claimLife(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	want := claim("x", "a")
	noClaim(t, p.cur, want.Key)
	first(t, p.cur, want)
	checkClaim(t, p.cur, want)
	checkClaim(t, p.reopen(), want)
	body := string(bytes.Repeat([]byte{0, 0xac, 0xed, '\n'}, 1000))
	reply(t, p.cur, want, body)
	checkClaim(t, p.another(), answered(want, body))
	checkClaim(t, p.reopen(), answered(want, body))
	reply(t, p.cur, want, "another answer") // of an answered one: it stays
	checkClaim(t, p.cur, answered(want, body))

	void := claim("void", "a")
	first(t, p.cur, void)
	must(t, p.cur.Repeats().Answer(context.Background(), void.Key, void.Reference, nil))
	checkClaim(t, p.reopen(), answered(void, ""))
}

func claimTwin(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a", "b")
	orig := claim("x", "a")
	first(t, p.cur, orig)
	twin := orig
	twin.Reference, twin.Scope, twin.Owner, twin.Node = "ref-twin", "elsewhere", "b", "other"
	for _, s := range []store.Database{p.cur, p.another()} {
		got, fresh, err := s.Repeats().Begin(context.Background(), twin, time.Minute)
		must(t, err)
		if fresh {
			t.Error("the twin is to be carried out")
		}
		sameRepeat(t, got, orig)
	}
	reply(t, p.cur, orig, "answer")
	got, fresh, err := p.cur.Repeats().Begin(context.Background(), twin, time.Minute)
	must(t, err)
	if fresh {
		t.Error("the twin is to be carried out")
	}
	sameRepeat(t, got, answered(orig, "answer"))
}

// claimOwn is a Begin whose answer was lost and that is sent again.
func claimOwn(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	rep := claim("x", "a")
	for _, s := range []store.Database{p.cur, p.cur, p.another()} {
		first(t, s, rep)
	}
	checkClaim(t, p.cur, rep)
}

func claimKeys(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	var all []store.Repeat
	for i, s := range odd {
		for f := range 4 {
			rep := claim("same", "a")
			*[]*string{&rep.Key.Login, &rep.Key.KeyID, &rep.Key.Method, &rep.Key.Digest}[f] = s
			rep.Reference = fmt.Sprintf("ref %d %d", i, f)
			rep.Scope = s
			first(t, p.cur, rep)
			all = append(all, rep)
		}
	}
	// fields that give the same text when they are joined
	for i, key := range []store.RepeatKey{{Login: "ab"}, {Login: "a", KeyID: "b"}, {KeyID: "ab"}} {
		rep := claim("", "a")
		rep.Key, rep.Reference, rep.Scope = key, fmt.Sprint("joined ", i), "joined"
		first(t, p.cur, rep)
		all = append(all, rep)
	}
	s := p.reopen()
	for _, rep := range all {
		checkClaim(t, s, rep)
	}
}

func claimBeginEnds(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a", "dead")
	ofScope := func(name, owner string) store.Repeat {
		rep := claim(name, owner)
		rep.Scope = "request/5/%"
		return rep
	}
	done, running, lost := ofScope("done", "a"), ofScope("running", "a"), ofScope("lost", "dead")
	elsewhere := claim("elsewhere", "a")
	for _, rep := range []store.Repeat{running, lost, done, elsewhere} {
		first(t, p.cur, rep)
	}
	reply(t, p.cur, done, "1")
	reply(t, p.cur, elsewhere, "2")
	must(t, p.cur.Members().Leave(context.Background(), "dead"))
	first(t, p.cur, ofScope("next", "a"))
	checkClaim(t, p.cur, ended(answered(done, "1")))
	checkClaim(t, p.cur, ended(unknown(lost)))
	checkClaim(t, p.cur, running)
	checkClaim(t, p.cur, answered(elsewhere, "2"))
	reply(t, p.cur, running, "3")
	twin := running
	twin.Reference = "ref-twin"
	got, fresh, err := p.cur.Repeats().Begin(context.Background(), twin, 0)
	must(t, err)
	if fresh {
		t.Error("a twin ended the call that it repeats")
	}
	sameRepeat(t, got, answered(running, "3"))
}

// claimTwinEnds breaks the connections of two parts that were sent at once: each is sent again.
func claimTwinEnds(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	one, two := claim("one", "a"), claim("two", "a")
	two.Scope = one.Scope
	first(t, p.cur, one)
	first(t, p.cur, two)
	reply(t, p.cur, one, "1")
	reply(t, p.cur, two, "2")
	for range 2 {
		for _, rep := range []store.Repeat{answered(one, "1"), answered(two, "2")} {
			twin := rep
			twin.Reference = "ref-twin"
			got, fresh, err := p.cur.Repeats().Begin(context.Background(), twin, time.Minute)
			must(t, err)
			if fresh {
				t.Errorf("%s is carried out twice", rep.Reference)
			}
			sameRepeat(t, got, rep)
		}
	}
}

// claimOvertaken has a call come after the repeat of it was carried out, answered and ended.
func claimOvertaken(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a")
	rep, other := claim("x", "a"), claim("y", "a")
	p.pass(20)
	first(t, p.cur, rep)
	reply(t, p.cur, rep, "1")
	p.pass(10)
	late := rep
	late.Reference, late.Age = "ref-late", 30*time.Second
	again := func(want store.Repeat, fresh bool) {
		t.Helper()
		got, own, err := p.cur.Repeats().Begin(ctx, late, time.Second)
		must(t, err)
		if own != fresh {
			t.Errorf("fresh %t, want %t", own, fresh)
		}
		sameRepeat(t, got, want)
	}
	again(answered(rep, "1"), false) // its time is over, but it began before the answer
	other.Scope, other.Age = rep.Scope, 30*time.Second
	first(t, p.cur, other) // it began before too: nothing shows that its client has the answer
	checkClaim(t, p.cur, answered(rep, "1"))
	must(t, p.cur.Repeats().EndScope(ctx, rep.Scope, other.Key, 30*time.Second))
	checkClaim(t, p.cur, answered(rep, "1"))
	must(t, p.cur.Repeats().EndScope(ctx, "", other.Key, 0))
	checkClaim(t, p.cur, answered(rep, "1"))
	must(t, p.cur.Repeats().EndScope(ctx, rep.Scope, other.Key, 0))
	again(ended(answered(rep, "1")), false) // whatever ended it
	late.Age = time.Second
	want := late
	want.Age = 0
	again(want, true)
}

func claimDead(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a", "b")
	done := claim("done", "b")
	first(t, p.cur, done)
	reply(t, p.cur, done, "1")
	rep := claim("x", "a")
	rep.Scope = done.Scope
	for _, owner := range []string{"nobody", ""} {
		rep.Owner = owner
		_, _, err := p.cur.Repeats().Begin(ctx, rep, 0)
		wantErr(t, "Begin of nobody", err, store.ErrStale)
	}
	rep.Owner = "a"
	p.pass(61)
	_, _, err := p.cur.Repeats().Begin(ctx, rep, 0)
	wantErr(t, "Begin of a life that ran out", err, store.ErrStale)
	noClaim(t, p.cur, rep.Key)
	checkClaim(t, p.cur, answered(done, "1"))
}

func claimUnknown(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "left", "replaced", "out", "lives")
	reps := map[string]store.Repeat{}
	for _, owner := range []string{"left", "replaced", "out", "lives"} {
		reps[owner] = claim("of "+owner, owner)
		first(t, p.cur, reps[owner])
	}
	must(t, p.cur.Members().Leave(ctx, "left"))
	next := member("next")
	next.Node = "node of replaced"
	join(t, p.another().Members(), next)
	checkClaim(t, p.cur, unknown(reps["left"]))
	checkClaim(t, p.cur, unknown(reps["replaced"]))
	checkClaim(t, p.cur, reps["out"])
	p.pass(50)
	must(t, renew(p.cur.Members(), member("lives")))
	p.pass(11)
	checkClaim(t, p.cur, unknown(reps["out"]))
	checkClaim(t, p.reopen(), reps["lives"])
	wantErr(t, "Renew of a life that somebody saw run out", renew(p.cur.Members(), member("out")),
		store.ErrStale)
	twin := reps["out"]
	twin.Reference, twin.Owner = "ref-twin", "lives"
	got, fresh, err := p.cur.Repeats().Begin(ctx, twin, time.Hour)
	must(t, err)
	if fresh {
		t.Error("what may have been carried out is to be carried out again")
	}
	sameRepeat(t, got, unknown(reps["out"]))
}

// claimSecondProcess starts a gateway beside one that runs.
func claimSecondProcess(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	rep := claim("x", "a")
	first(t, p.cur, rep)
	second := p.another()
	alive(t, second, "b")
	checkClaim(t, second, rep)
	n, err := second.Repeats().PruneRepeats(context.Background(), 0)
	must(t, err)
	if n != 0 {
		t.Errorf("pruned %d that run", n)
	}
	checkClaim(t, p.cur, rep)
}

func claimFence(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a", "b")
	old := claim("x", "a")
	answer := func() error {
		return p.cur.Repeats().Answer(ctx, old.Key, old.Reference, []byte("late"))
	}
	wantErr(t, "Answer of what never began", answer(), store.ErrNotFound)
	noClaim(t, p.cur, old.Key)
	first(t, p.cur, old)
	must(t, p.cur.Members().Leave(ctx, "a"))
	must(t, p.cur.Repeats().EndScope(ctx, old.Scope, store.RepeatKey{}, 0))
	newer := old
	newer.Reference, newer.Owner = "ref-newer", "b"
	first(t, p.cur, newer)
	wantErr(t, "Answer beside a newer call", answer(), store.ErrStale)
	checkClaim(t, p.cur, newer)
	must(t, p.cur.Repeats().Void(ctx, old.Key, old.Reference))
	checkClaim(t, p.cur, newer)
}

func claimLate(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	rep := claim("x", "a")
	first(t, p.cur, rep)
	must(t, p.cur.Members().Leave(context.Background(), "a"))
	checkClaim(t, p.cur, unknown(rep))
	reply(t, p.cur, rep, "late")
	checkClaim(t, p.reopen(), answered(rep, "late"))
}

func claimVoid(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a")
	rep, done := claim("x", "a"), claim("done", "a")
	first(t, p.cur, rep)
	first(t, p.cur, done)
	reply(t, p.cur, done, "1")
	must(t, p.cur.Repeats().Void(ctx, rep.Key, "another reference"))
	checkClaim(t, p.cur, rep)
	for range 2 {
		must(t, p.cur.Repeats().Void(ctx, rep.Key, rep.Reference))
	}
	noClaim(t, p.reopen(), rep.Key)
	first(t, p.cur, rep)
	must(t, p.cur.Repeats().Void(ctx, done.Key, done.Reference))
	checkClaim(t, p.cur, answered(done, "1"))
}

func claimScope(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a", "dead")
	reps := map[string]store.Repeat{}
	for _, name := range []string{"unknown", "answered", "running", "except", "elsewhere"} {
		rep := claim(name, "a")
		if name == "unknown" {
			rep.Owner = "dead"
		}
		first(t, p.cur, rep)
		reps[name] = rep
	}
	must(t, p.cur.Members().Leave(ctx, "dead"))
	for _, name := range []string{"answered", "except", "elsewhere"} {
		reply(t, p.cur, reps[name], "")
	}
	for _, name := range []string{"unknown", "answered", "running"} {
		must(t, p.cur.Repeats().EndScope(ctx, reps[name].Scope, reps["except"].Key, 0))
	}
	must(t, p.cur.Repeats().EndScope(ctx, reps["except"].Scope, reps["except"].Key, 0))
	s := p.reopen()
	for name, ended := range map[string]bool{"unknown": true, "answered": true, "running": false,
		"except": false, "elsewhere": false} {
		if rep, err := s.Repeats().Repeat(ctx, reps[name].Key); err != nil || rep.Ended != ended {
			t.Errorf("%s after EndScope: ended %t, %v", name, rep.Ended, err)
		}
	}
}

func claimOld(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a")
	rep := claim("x", "a")
	first(t, p.cur, rep)
	again := rep
	again.Reference = "ref-again"
	stays := func(want store.Repeat, keep time.Duration) {
		t.Helper()
		got, fresh, err := p.cur.Repeats().Begin(ctx, again, keep)
		must(t, err)
		if fresh {
			t.Errorf("what is younger than %v, or runs, was replaced", keep)
		}
		sameRepeat(t, got, want)
	}
	p.pass(50)
	stays(rep, time.Second) // it runs, however long
	must(t, renew(p.cur.Members(), member("a")))
	reply(t, p.cur, rep, "1")
	p.pass(50)
	stays(answered(rep, "1"), time.Minute)
	stays(answered(rep, "1"), 0)
	must(t, renew(p.cur.Members(), member("a")))
	p.pass(11)
	got, fresh, err := p.cur.Repeats().Begin(ctx, again, time.Minute)
	must(t, err)
	if !fresh {
		t.Error("an answer that is too old was given")
	}
	sameRepeat(t, got, again)
	checkClaim(t, p.reopen(), again)
}

// claimUnknownAge is a call that ran for an hour when its gateway died: its twin comes right after.
func claimUnknownAge(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a", "b")
	rep := claim("x", "a")
	first(t, p.cur, rep)
	for range 60 {
		p.pass(50)
		must(t, renew(p.cur.Members(), member("a")))
		must(t, renew(p.cur.Members(), member("b")))
	}
	must(t, p.cur.Members().Leave(ctx, "a"))
	n, err := p.cur.Repeats().PruneRepeats(ctx, time.Minute)
	must(t, err)
	twin := rep
	twin.Reference, twin.Owner = "ref-twin", "b"
	got, fresh, err := p.cur.Repeats().Begin(ctx, twin, time.Minute)
	must(t, err)
	if fresh || n != 0 {
		t.Errorf("an hour's call was forgotten with its owner (pruned %d)", n)
	}
	sameRepeat(t, got, unknown(rep))
	must(t, renew(p.cur.Members(), member("b")))
	p.pass(50)
	must(t, renew(p.cur.Members(), member("b")))
	p.pass(11)
	_, fresh, err = p.cur.Repeats().Begin(ctx, twin, time.Minute)
	must(t, err)
	if !fresh {
		t.Error("an unknown one is kept for ever")
	}
}

func claimPrune(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "old", "dead", "a")
	reps := map[string]store.Repeat{}
	for name, owner := range map[string]string{"unknown old": "old", "unknown new": "dead",
		"answered old": "a", "answered new": "a", "running": "a"} {
		reps[name] = claim(name, owner)
		first(t, p.cur, reps[name])
	}
	must(t, p.cur.Members().Leave(ctx, "old"))
	reply(t, p.cur, reps["answered old"], "")
	p.pass(50)
	must(t, p.cur.Members().Leave(ctx, "dead"))
	must(t, renew(p.cur.Members(), member("a")))
	reply(t, p.cur, reps["answered new"], "")
	p.pass(11)
	n, err := p.cur.Repeats().PruneRepeats(ctx, time.Minute)
	must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	s := p.reopen()
	for name, there := range map[string]bool{"unknown old": false, "unknown new": true,
		"answered old": false, "answered new": true, "running": true} {
		if _, err := s.Repeats().Repeat(ctx, reps[name].Key); (err == nil) != there {
			t.Errorf("%s after prune: %v", name, err)
		}
	}
}

func claimCancelled(t *testing.T, p *place[store.Database]) {
	alive(t, p.cur, "a")
	gone, rep, s := cancelled(), claim("x", "a"), p.cur.Repeats()
	_, _, err := s.Begin(gone, rep, 0)
	wantErr(t, "Begin", err, context.Canceled)
	noClaim(t, p.cur, rep.Key)
	first(t, p.cur, rep)
	wantErr(t, "Answer", s.Answer(gone, rep.Key, rep.Reference, nil), context.Canceled)
	wantErr(t, "Void", s.Void(gone, rep.Key, rep.Reference), context.Canceled)
	wantErr(t, "EndScope", s.EndScope(gone, rep.Scope, store.RepeatKey{}, 0), context.Canceled)
	_, err = s.Repeat(gone, rep.Key)
	wantErr(t, "Repeat", err, context.Canceled)
	checkClaim(t, p.cur, rep)
}

// claimConcurrent begins the same calls many times at once: exactly one may carry each out.
func claimConcurrent(t *testing.T, p *place[store.Database]) {
	places := []store.Database{p.cur, p.another()}
	alive(t, p.cur, "0", "1")
	const workers, calls = 16, 10
	var firsts [calls]atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range calls {
				rep := claim(fmt.Sprintf("call%d", i), fmt.Sprint(w%2))
				rep.Reference, rep.Scope = fmt.Sprint("ref ", w, i), "one scope"
				_, fresh, err := places[w%2].Repeats().Begin(context.Background(), rep, time.Minute)
				if err != nil {
					t.Error(err)
				}
				if fresh {
					firsts[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range firsts {
		if n := firsts[i].Load(); n != 1 {
			t.Errorf("call %d began %d times", i, n)
		}
	}
}

func claimClosed(t *testing.T, p *place[store.Database]) {
	ctx := context.Background()
	alive(t, p.cur, "a")
	rep := claim("x", "a")
	first(t, p.cur, rep)
	p.close()
	_, _, err := p.cur.Repeats().Begin(ctx, claim("y", "a"), 0)
	wantErr(t, "Begin", err, store.ErrClosed)
	_, err = p.cur.Repeats().Repeat(ctx, rep.Key)
	wantErr(t, "Repeat", err, store.ErrClosed)
	checkClaim(t, p.reopen(), rep)
}
