package ownership

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

func claimScope(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a", "dead")
	reps := map[string]store.Repeat{}
	for _, name := range []string{"unknown", "answered", "running", "except", "elsewhere"} {
		rep := claim(name, "a")
		if name == "unknown" {
			rep.Owner = "dead"
		}
		first(t, p.Store, rep)
		reps[name] = rep
	}
	place.Must(t, p.Store.Members().Leave(ctx, "dead"))
	for _, name := range []string{"answered", "except", "elsewhere"} {
		reply(t, p.Store, reps[name], "")
	}
	for _, name := range []string{"unknown", "answered", "running"} {
		place.Must(t, p.Store.Repeats().EndScope(ctx, reps[name].Scope, reps["except"].Key, 0))
	}
	place.Must(t, p.Store.Repeats().EndScope(ctx, reps["except"].Scope, reps["except"].Key, 0))
	s := p.Reopen()
	for name, ended := range map[string]bool{"unknown": true, "answered": true, "running": false,
		"except": false, "elsewhere": false} {
		if rep, err := s.Repeats().Repeat(ctx, reps[name].Key); err != nil || rep.Ended != ended {
			t.Errorf("%s after EndScope: ended %t, %v", name, rep.Ended, err)
		}
	}
}

func claimOld(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a")
	rep := claim("x", "a")
	first(t, p.Store, rep)
	again := rep
	again.Reference = "ref-again"
	stays := func(want store.Repeat, keep time.Duration) {
		t.Helper()
		got, fresh, err := p.Store.Repeats().Begin(ctx, again, keep)
		place.Must(t, err)
		if fresh {
			t.Errorf("what is younger than %v, or runs, was replaced", keep)
		}
		sameRepeat(t, got, want)
	}
	p.Pass(50)
	stays(rep, time.Second) // it runs, however long
	place.Must(t, renew(p.Store.Members(), member("a")))
	reply(t, p.Store, rep, "1")
	p.Pass(50)
	stays(answered(rep, "1"), time.Minute)
	stays(answered(rep, "1"), 0)
	place.Must(t, renew(p.Store.Members(), member("a")))
	p.Pass(11)
	got, fresh, err := p.Store.Repeats().Begin(ctx, again, time.Minute)
	place.Must(t, err)
	if !fresh {
		t.Error("an answer that is too old was given")
	}
	sameRepeat(t, got, again)
	checkClaim(t, p.Reopen(), again)
}

// claimUnknownAge is a call that ran for an hour when its gateway died: its twin comes right after.
func claimUnknownAge(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a", "b")
	rep := claim("x", "a")
	first(t, p.Store, rep)
	for range 60 {
		p.Pass(50)
		place.Must(t, renew(p.Store.Members(), member("a")))
		place.Must(t, renew(p.Store.Members(), member("b")))
	}
	place.Must(t, p.Store.Members().Leave(ctx, "a"))
	n, err := p.Store.Repeats().PruneRepeats(ctx, time.Minute)
	place.Must(t, err)
	twin := rep
	twin.Reference, twin.Owner = "ref-twin", "b"
	got, fresh, err := p.Store.Repeats().Begin(ctx, twin, time.Minute)
	place.Must(t, err)
	if fresh || n != 0 {
		t.Errorf("an hour's call was forgotten with its owner (pruned %d)", n)
	}
	sameRepeat(t, got, unknown(rep))
	place.Must(t, renew(p.Store.Members(), member("b")))
	p.Pass(50)
	place.Must(t, renew(p.Store.Members(), member("b")))
	p.Pass(11)
	_, fresh, err = p.Store.Repeats().Begin(ctx, twin, time.Minute)
	place.Must(t, err)
	if !fresh {
		t.Error("an unknown one is kept for ever")
	}
}

func claimPrune(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "old", "dead", "a")
	reps := map[string]store.Repeat{}
	for name, owner := range map[string]string{"unknown old": "old", "unknown new": "dead",
		"answered old": "a", "answered new": "a", "running": "a"} {
		reps[name] = claim(name, owner)
		first(t, p.Store, reps[name])
	}
	place.Must(t, p.Store.Members().Leave(ctx, "old"))
	reply(t, p.Store, reps["answered old"], "")
	p.Pass(50)
	place.Must(t, p.Store.Members().Leave(ctx, "dead"))
	place.Must(t, renew(p.Store.Members(), member("a")))
	reply(t, p.Store, reps["answered new"], "")
	p.Pass(11)
	n, err := p.Store.Repeats().PruneRepeats(ctx, time.Minute)
	place.Must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	s := p.Reopen()
	for name, there := range map[string]bool{"unknown old": false, "unknown new": true,
		"answered old": false, "answered new": true, "running": true} {
		if _, err := s.Repeats().Repeat(ctx, reps[name].Key); (err == nil) != there {
			t.Errorf("%s after prune: %v", name, err)
		}
	}
}

func claimCancelled(t *testing.T, p *place.Place[store.Database]) {
	alive(t, p.Store, "a")
	gone, rep, s := place.Cancelled(), claim("x", "a"), p.Store.Repeats()
	_, _, err := s.Begin(gone, rep, 0)
	place.WantErr(t, "Begin", err, context.Canceled)
	noClaim(t, p.Store, rep.Key)
	first(t, p.Store, rep)
	place.WantErr(t, "Answer", s.Answer(gone, rep.Key, rep.Reference, nil), context.Canceled)
	place.WantErr(t, "Void", s.Void(gone, rep.Key, rep.Reference), context.Canceled)
	place.WantErr(t, "EndScope", s.EndScope(gone, rep.Scope, store.RepeatKey{}, 0), context.Canceled)
	_, err = s.Repeat(gone, rep.Key)
	place.WantErr(t, "Repeat", err, context.Canceled)
	checkClaim(t, p.Store, rep)
}

// claimConcurrent begins the same calls many times at once: exactly one may carry each out.
func claimConcurrent(t *testing.T, p *place.Place[store.Database]) {
	places := []store.Database{p.Store, p.Another()}
	alive(t, p.Store, "0", "1")
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

func claimClosed(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	alive(t, p.Store, "a")
	rep := claim("x", "a")
	first(t, p.Store, rep)
	p.Close()
	_, _, err := p.Store.Repeats().Begin(ctx, claim("y", "a"), 0)
	place.WantErr(t, "Begin", err, store.ErrClosed)
	_, err = p.Store.Repeats().Repeat(ctx, rep.Key)
	place.WantErr(t, "Repeat", err, store.ErrClosed)
	checkClaim(t, p.Reopen(), rep)
}
