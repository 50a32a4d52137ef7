package storetest

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
)

// TestMembers runs the conformance suite of store.Members.
func TestMembers(t *testing.T, open Opener[store.Members]) {
	rows(t, open, []row[store.Members]{
		{"join, renew, leave", membersLife},
		{"a life that ran out never comes back", membersRunOut},
		{"join ends the former life of the node", membersTakeOver},
		{"a life is not begun twice", membersTwice},
		{"listed for a day", membersHistory},
		{"odd names", membersOdd},
		{"one of many joins under a name", membersConcurrent},
		{"cancelled and closed", membersEnd},
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
	must(t, err)
}

func renew(s store.Members, m store.Member) error {
	_, err := s.Renew(context.Background(), m, lifeTTL)
	return err
}

// checkMembers wants these, but for their times.
func checkMembers(t *testing.T, s store.Members, want ...store.Member) {
	t.Helper()
	got, err := s.Members(context.Background())
	must(t, err)
	for i := range got {
		if got[i].StartedAt.IsZero() || got[i].ExpiresAt.Before(got[i].StartedAt) {
			t.Errorf("%s started %v, expires %v", got[i].ID, got[i].StartedAt, got[i].ExpiresAt)
		}
		got[i].StartedAt, got[i].ExpiresAt = time.Time{}, time.Time{}
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
}

func membersLife(t *testing.T, p *place[store.Members]) {
	ctx := context.Background()
	checkMembers(t, p.cur)
	a, b := member("a"), member("b")
	before := p.clock.Now()
	now, err := p.cur.Join(ctx, a, lifeTTL)
	must(t, err)
	if now.Before(before.Add(-time.Second)) || now.After(p.clock.Now().Add(time.Second)) {
		t.Errorf("the store's time is %v, its clock shows %v", now, before)
	}
	join(t, p.another(), b)
	p.pass(50)
	a.State, a.ConfigDigest, a.Offset = store.MemberDraining, "decaf", time.Second
	later, err := p.cur.Renew(ctx, a, lifeTTL)
	must(t, err)
	if d := later.Sub(now); d < 50*time.Second || d > 90*time.Second {
		t.Errorf("the store's time went on by %v, want 50s", d)
	}
	checkMembers(t, p.reopen(), a, b)
	p.pass(50)
	b.Over = true
	checkMembers(t, p.cur, a, b)
	must(t, p.cur.Leave(ctx, "a"))
	must(t, p.cur.Leave(ctx, "a"))
	must(t, p.cur.Leave(ctx, "nobody"))
	a.Over = true
	checkMembers(t, p.reopen(), a, b)
	wantErr(t, "Renew after Leave", renew(p.cur, a), store.ErrStale)
}

func membersRunOut(t *testing.T, p *place[store.Members]) {
	a := member("a")
	join(t, p.cur, a)
	p.pass(61)
	for range 2 {
		wantErr(t, "Renew of a life that ran out", renew(p.cur, a), store.ErrStale)
	}
	_, err := p.cur.Join(context.Background(), a, lifeTTL)
	wantErr(t, "Join with a life that ran out", err, store.ErrStale)
	next := member("a2")
	next.Node = a.Node
	join(t, p.cur, next)
	must(t, renew(p.cur, next))
	wantErr(t, "Renew of a life that nobody knows", renew(p.cur, member("x")), store.ErrStale)
}

func membersTakeOver(t *testing.T, p *place[store.Members]) {
	first, second := member("a"), member("b")
	second.Node = first.Node
	join(t, p.cur, first)
	join(t, p.another(), second)
	wantErr(t, "Renew of the former life", renew(p.cur, first), store.ErrStale)
	must(t, renew(p.cur, second))
	first.Over = true
	checkMembers(t, p.cur, first, second)
	must(t, p.cur.Leave(context.Background(), first.ID)) // its own way out ends nobody else's life
	must(t, renew(p.cur, second))
}

func membersTwice(t *testing.T, p *place[store.Members]) {
	a := member("a")
	join(t, p.cur, a)
	join(t, p.cur, a) // after an answer that was lost
	must(t, renew(p.cur, a))
	other := a
	other.Node = "elsewhere"
	_, err := p.cur.Join(context.Background(), other, lifeTTL)
	wantErr(t, "Join of a life under another name", err, store.ErrStale)
	must(t, renew(p.cur, a))
}

func membersHistory(t *testing.T, p *place[store.Members]) {
	a := member("a")
	join(t, p.cur, a)
	must(t, p.cur.Leave(context.Background(), "a"))
	p.pass(23 * 60 * 60)
	b := member("b")
	join(t, p.cur, b)
	a.Over = true
	checkMembers(t, p.cur, a, b)
	p.pass(60 * 60)
	b.Over = true
	checkMembers(t, p.cur, b)
}

func membersOdd(t *testing.T, p *place[store.Members]) {
	var want []store.Member
	for i, s := range odd {
		m := store.Member{ID: fmt.Sprintf("%02d", i), Node: s, Version: s, ConfigDigest: s,
			State: store.MemberUp}
		join(t, p.cur, m)
		want = append(want, m)
	}
	got, err := p.reopen().Members(context.Background())
	must(t, err)
	if len(got) != len(want) {
		t.Fatalf("%d members, want %d", len(got), len(want))
	}
	for _, m := range got {
		i := slices.IndexFunc(want, func(w store.Member) bool { return w.ID == m.ID })
		if i < 0 || m.Node != odd[i] || m.Version != odd[i] || m.ConfigDigest != odd[i] || m.Over {
			t.Errorf("member %+v", m)
		}
	}
}

// membersConcurrent lets many processes come up under one name: one of them stays.
func membersConcurrent(t *testing.T, p *place[store.Members]) {
	places := []store.Members{p.cur, p.another()}
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
		if renew(p.cur, member(fmt.Sprint(w))) == nil {
			living++
		}
	}
	if living != 1 {
		t.Errorf("%d live under one name", living)
	}
}

func membersEnd(t *testing.T, p *place[store.Members]) {
	ctx, a := context.Background(), member("a")
	_, err := p.cur.Join(cancelled(), a, lifeTTL)
	wantErr(t, "Join", err, context.Canceled)
	checkMembers(t, p.cur)
	join(t, p.cur, a)
	_, err = p.cur.Renew(cancelled(), a, lifeTTL)
	wantErr(t, "Renew", err, context.Canceled)
	wantErr(t, "Leave", p.cur.Leave(cancelled(), "a"), context.Canceled)
	_, err = p.cur.Members(cancelled())
	wantErr(t, "Members", err, context.Canceled)
	must(t, renew(p.cur, a))
	p.close()
	_, err = p.cur.Join(ctx, member("b"), lifeTTL)
	wantErr(t, "Join", err, store.ErrClosed)
	_, err = p.cur.Members(ctx)
	wantErr(t, "Members", err, store.ErrClosed)
}
