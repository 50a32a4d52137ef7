package ownership

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestMembers runs the conformance suite of store.Members.
func TestMembers(t *testing.T, open place.Opener[store.Members]) {
	place.Run(t, open, []place.Row[store.Members]{
		{Name: "join, renew, leave", Run: membersLife},
		{Name: "a life that ran out never comes back", Run: membersRunOut},
		{Name: "join ends the former life of the node", Run: membersTakeOver},
		{Name: "a life is not begun twice", Run: membersTwice},
		{Name: "listed for a day", Run: membersHistory},
		{Name: "odd names", Run: membersOdd},
		{Name: "one of many joins under a name", Run: membersConcurrent},
		{Name: "cancelled and closed", Run: membersEnd},
	})
}

const lifeTTL = time.Minute

func member(id string) store.Member {
	return store.Member{ID: id, Node: "node of " + id, Version: "1.2.3", ConfigDigest: "c0ffee",
		State: store.MemberUp, Offset: -3 * time.Millisecond}
}

func join(t *testing.T, s store.Members, m store.Member) {
	t.Helper()
	_, err := s.Join(context.Background(), m, lifeTTL)
	place.Must(t, err)
}

func renew(s store.Members, m store.Member) error {
	_, err := s.Renew(context.Background(), m, lifeTTL)
	return err
}

// checkMembers wants these, but for their times.
func checkMembers(t *testing.T, s store.Members, want ...store.Member) {
	t.Helper()
	got, err := s.Members(context.Background())
	place.Must(t, err)
	for i := range got {
		if got[i].StartedAt.IsZero() || got[i].ExpiresAt.Before(got[i].StartedAt) {
			t.Errorf("%s started %v, expires %v", got[i].ID, got[i].StartedAt, got[i].ExpiresAt)
		}
		if left := got[i].Left; (left > 0) == got[i].Over || left > lifeTTL {
			t.Errorf("%s has %v left, over: %v", got[i].ID, left, got[i].Over)
		}
		got[i].StartedAt, got[i].ExpiresAt, got[i].Left = time.Time{}, time.Time{}, 0
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
}

func membersLife(t *testing.T, p *place.Place[store.Members]) {
	ctx := context.Background()
	checkMembers(t, p.Store)
	a, b := member("a"), member("b")
	before := p.Clock.Now()
	now, err := p.Store.Join(ctx, a, lifeTTL)
	place.Must(t, err)
	if now.Before(before.Add(-time.Second)) || now.After(p.Clock.Now().Add(time.Second)) {
		t.Errorf("the store's time is %v, its clock shows %v", now, before)
	}
	join(t, p.Another(), b)
	p.Pass(50)
	a.State, a.ConfigDigest, a.Offset, a.Calls = store.MemberDraining, "decaf", time.Second, 7
	later, err := p.Store.Renew(ctx, a, lifeTTL)
	place.Must(t, err)
	if d := later.Sub(now); d < 50*time.Second || d > 90*time.Second {
		t.Errorf("the store's time went on by %v, want 50s", d)
	}
	checkMembers(t, p.Reopen(), a, b)
	p.Pass(50)
	b.Over = true
	checkMembers(t, p.Store, a, b)
	place.Must(t, p.Store.Leave(ctx, "a"))
	place.Must(t, p.Store.Leave(ctx, "a"))
	place.Must(t, p.Store.Leave(ctx, "nobody"))
	a.Over = true
	checkMembers(t, p.Reopen(), a, b)
	place.WantErr(t, "Renew after Leave", renew(p.Store, a), store.ErrStale)
}

func membersRunOut(t *testing.T, p *place.Place[store.Members]) {
	a := member("a")
	join(t, p.Store, a)
	p.Pass(61)
	for range 2 {
		place.WantErr(t, "Renew of a life that ran out", renew(p.Store, a), store.ErrStale)
	}
	_, err := p.Store.Join(context.Background(), a, lifeTTL)
	place.WantErr(t, "Join with a life that ran out", err, store.ErrStale)
	next := member("a2")
	next.Node = a.Node
	join(t, p.Store, next)
	place.Must(t, renew(p.Store, next))
	place.WantErr(t, "Renew of a life that nobody knows", renew(p.Store, member("x")), store.ErrStale)
}

func membersTakeOver(t *testing.T, p *place.Place[store.Members]) {
	first, second := member("a"), member("b")
	second.Node = first.Node
	join(t, p.Store, first)
	join(t, p.Another(), second)
	place.WantErr(t, "Renew of the former life", renew(p.Store, first), store.ErrStale)
	place.Must(t, renew(p.Store, second))
	first.Over = true
	checkMembers(t, p.Store, first, second)
	place.Must(t, p.Store.Leave(context.Background(), first.ID)) // its own way out ends nobody else's life
	place.Must(t, renew(p.Store, second))
}

func membersTwice(t *testing.T, p *place.Place[store.Members]) {
	a := member("a")
	join(t, p.Store, a)
	join(t, p.Store, a) // after an answer that was lost
	place.Must(t, renew(p.Store, a))
	other := a
	other.Node = "elsewhere"
	_, err := p.Store.Join(context.Background(), other, lifeTTL)
	place.WantErr(t, "Join of a life under another name", err, store.ErrStale)
	place.Must(t, renew(p.Store, a))
}

func membersHistory(t *testing.T, p *place.Place[store.Members]) {
	a := member("a")
	join(t, p.Store, a)
	place.Must(t, p.Store.Leave(context.Background(), "a"))
	p.Pass(23 * 60 * 60)
	b := member("b")
	join(t, p.Store, b)
	a.Over = true
	checkMembers(t, p.Store, a, b)
	p.Pass(60 * 60)
	b.Over = true
	checkMembers(t, p.Store, b)
}

func membersOdd(t *testing.T, p *place.Place[store.Members]) {
	var want []store.Member
	for i, s := range place.Odd {
		m := store.Member{ID: fmt.Sprintf("%02d", i), Node: s, Version: s, ConfigDigest: s,
			State: store.MemberUp}
		join(t, p.Store, m)
		want = append(want, m)
	}
	got, err := p.Reopen().Members(context.Background())
	place.Must(t, err)
	if len(got) != len(want) {
		t.Fatalf("%d members, want %d", len(got), len(want))
	}
	for _, m := range got {
		i := slices.IndexFunc(want, func(w store.Member) bool { return w.ID == m.ID })
		if i < 0 || m.Node != place.Odd[i] || m.Version != place.Odd[i] || m.ConfigDigest != place.Odd[i] || m.Over {
			t.Errorf("member %+v", m)
		}
	}
}

// membersConcurrent lets many processes come up under one name: one of them stays.
func membersConcurrent(t *testing.T, p *place.Place[store.Members]) {
	places := []store.Members{p.Store, p.Another()}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			m := member(fmt.Sprint(w))
			m.Node = "same"
			if _, err := places[w%2].Join(context.Background(), m, lifeTTL); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	living := 0
	for w := range 16 {
		if renew(p.Store, member(fmt.Sprint(w))) == nil {
			living++
		}
	}
	if living != 1 {
		t.Errorf("%d live under one name", living)
	}
}

func membersEnd(t *testing.T, p *place.Place[store.Members]) {
	ctx, a := context.Background(), member("a")
	_, err := p.Store.Join(place.Cancelled(), a, lifeTTL)
	place.WantErr(t, "Join", err, context.Canceled)
	checkMembers(t, p.Store)
	join(t, p.Store, a)
	_, err = p.Store.Renew(place.Cancelled(), a, lifeTTL)
	place.WantErr(t, "Renew", err, context.Canceled)
	place.WantErr(t, "Leave", p.Store.Leave(place.Cancelled(), "a"), context.Canceled)
	_, err = p.Store.Members(place.Cancelled())
	place.WantErr(t, "Members", err, context.Canceled)
	place.Must(t, renew(p.Store, a))
	p.Close()
	_, err = p.Store.Join(ctx, member("b"), lifeTTL)
	place.WantErr(t, "Join", err, store.ErrClosed)
	_, err = p.Store.Members(ctx)
	place.WantErr(t, "Members", err, store.ErrClosed)
}
