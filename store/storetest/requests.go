package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
)

// TestRequests runs the conformance suite of store.Requests.
func TestRequests(t *testing.T, open Opener[store.Requests]) {
	rows(t, open, []row[store.Requests]{
		{"unknown", requestUnknown},
		{"comes back as it was", requestRoundTrip},
		{"second login is added", requestLogins},
		{"created again after clean up", requestAgain},
		{"id that the engine reused", requestReused},
		{"found by site and checksum", requestFind},
		{"parts and their sums", requestParts},
		{"many parts cost the same each", requestManyParts},
		{"reader's error stops", requestStops},
		{"idle since its last use", requestIdle},
		{"clean up", requestCleanUp},
		{"prune", requestPrune},
		{"abandoned ones are forgotten", requestAbandoned},
		{"cancelled", requestCancelled},
		{"concurrent, in two processes", requestConcurrent},
		{"closed", requestClosed},
	})
}

func made(id int64, logins ...string) store.Request {
	return store.Request{
		ID: id, Site: 20121, Checksum: "d41d8cd98f00b204e9800998ecf8427e", Peer: "staging",
		Logins: logins, Upstream: "engine-1",
	}
}

func piece(name string, size int64) store.Part {
	return store.Part{Name: name, Size: size, Width: 2}
}

func create(t *testing.T, s store.Requests, req store.Request) {
	t.Helper()
	must(t, s.Create(context.Background(), req))
}

func add(t *testing.T, s store.Requests, id int64, parts ...store.Part) {
	t.Helper()
	for _, part := range parts {
		must(t, s.AddPart(context.Background(), id, part))
	}
}

// checkMade wants request want.ID to be want but for its times, with these parts.
func checkMade(t *testing.T, s store.Requests, want store.Request, parts ...store.Part) {
	t.Helper()
	ctx := context.Background()
	got, err := s.Request(ctx, want.ID)
	must(t, err)
	if got.CreatedAt.IsZero() || got.CleanedAt.IsZero() != want.CleanedAt.IsZero() {
		t.Errorf("request %d: created %v, cleaned up %v", want.ID, got.CreatedAt, got.CleanedAt)
	}
	for _, part := range parts {
		want.PartCount++
		want.PartBytes += part.Size
		if p, err := s.Part(ctx, want.ID, part.Name); err != nil || p != part {
			t.Errorf("part %q of request %d = %v, %v", part.Name, want.ID, p, err)
		}
	}
	if len(parts) > 0 {
		want.PartWidth = parts[0].Width
	}
	got.CreatedAt, got.CleanedAt, got.Idle = time.Time{}, time.Time{}, 0
	want.CreatedAt, want.CleanedAt = time.Time{}, time.Time{}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("request %d (-want +got):\n%s", want.ID, d)
	}
	var all []store.Part
	must(t, s.Parts(ctx, want.ID, func(p store.Part) error { all = append(all, p); return nil }))
	if d := cmp.Diff(parts, all, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("parts of request %d (-want +got):\n%s", want.ID, d)
	}
}

func requestUnknown(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	create(t, p.cur, made(1, "a"))
	_, err := p.cur.Request(ctx, 2)
	wantErr(t, "Request", err, store.ErrNotFound)
	wantErr(t, "AddPart", p.cur.AddPart(ctx, 2, piece("p", 1)), store.ErrNotFound)
	wantErr(t, "CleanUp", p.cur.CleanUp(ctx, 2), store.ErrNotFound)
	for _, id := range []int64{1, 2} {
		_, err = p.cur.Part(ctx, id, "p")
		wantErr(t, "Part", err, store.ErrNotFound)
	}
	must(t, p.cur.Parts(ctx, 2, func(store.Part) error { return errors.New("a part") }))
	must(t, p.cur.Touch(ctx, 2))
	must(t, p.cur.Touch(ctx))
	_, err = p.cur.Request(ctx, 2)
	wantErr(t, "Request after the others", err, store.ErrNotFound)
}

func requestRoundTrip(t *testing.T, p *place[store.Requests]) {
	all := map[int64]store.Request{}
	var parts []store.Part
	for j, name := range odd {
		parts = append(parts, piece(name, int64(j)<<40))
	}
	for i, id := range []int64{0, 1, -1, 1<<63 - 1, -1 << 63} {
		r := made(id, odd...)
		r.Site, r.Peer, r.Checksum, r.Upstream = -id, odd[i], odd[i+1], odd[i+2]
		create(t, p.cur, r)
		add(t, p.cur, id, parts...)
		all[id] = r
	}
	bare := store.Request{ID: 77}
	create(t, p.cur, bare)
	for _, s := range []store.Requests{p.cur, p.another(), p.reopen()} {
		for _, r := range all {
			checkMade(t, s, r, parts...)
		}
		checkMade(t, s, bare)
	}
}

func requestLogins(t *testing.T, p *place[store.Requests]) {
	want := made(5, "first")
	create(t, p.cur, want)
	add(t, p.cur, 5, piece("x.zip00", 9))
	second := made(5, "second", "first", "Second")
	second.Peer, second.Upstream = "another", "engine-2"
	create(t, p.cur, second)
	create(t, p.cur, made(5, "first"))
	want.Logins = []string{"first", "second", "Second"}
	checkMade(t, p.cur, want, piece("x.zip00", 9))
	checkMade(t, p.reopen(), want, piece("x.zip00", 9))
}

func requestAgain(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	want := made(5, "a")
	create(t, p.cur, want)
	add(t, p.cur, 5, piece("x.zip00", 9))
	must(t, p.cur.CleanUp(ctx, 5))
	p.pass(100)
	again := made(5, "b")
	again.Upstream = "engine-2"
	create(t, p.cur, again)
	want.Logins, want.Upstream = []string{"a", "b"}, "engine-2"
	checkMade(t, p.cur, want)
	n, err := p.cur.PruneRequests(ctx, time.Minute, time.Minute)
	must(t, err)
	if n != 0 {
		t.Errorf("pruned %d that live again", n)
	}
	add(t, p.cur, 5, store.Part{Name: "y.zip000", Size: 3, Width: 3})
	checkMade(t, p.reopen(), want, store.Part{Name: "y.zip000", Size: 3, Width: 3})
}

// requestReused creates an id for something else: nothing of the old one may open the new one.
func requestReused(t *testing.T, p *place[store.Requests]) {
	site, sum := made(5, "new"), made(6, "new")
	site.Site++
	sum.Checksum = "00000000000000000000000000000000"
	for _, r := range []store.Request{site, sum} {
		r.Peer, r.Upstream = "new peer", "engine-2"
		create(t, p.cur, made(r.ID, "old"))
		add(t, p.cur, r.ID, piece("x.zip00", 9))
		create(t, p.cur, r)
		checkMade(t, p.cur, r)
	}
}

func requestParts(t *testing.T, p *place[store.Requests]) {
	want := made(5, "a")
	create(t, p.cur, want)
	create(t, p.cur, made(6, "a"))
	add(t, p.cur, 5, piece("z00", 1), store.Part{Name: "a001", Size: 2, Width: 3}, piece("m02", 3),
		store.Part{Name: "a001", Size: 20, Width: 3}, piece("A01", 4), piece("m02", 0))
	all := []store.Part{piece("z00", 1), {Name: "a001", Size: 20, Width: 3}, piece("m02", 0),
		piece("A01", 4)}
	checkMade(t, p.cur, want, all...)
	checkMade(t, p.cur, made(6, "a"))
	checkMade(t, p.reopen(), want, all...)
	_, err := p.cur.Part(context.Background(), 5, "a01")
	wantErr(t, "Part of another spelling", err, store.ErrNotFound)
}

// requestManyParts counts what is read of a request that has many: its sums, never the list.
func requestManyParts(t *testing.T, p *place[store.Requests]) {
	const parts = 300
	create(t, p.cur, made(5, "a"))
	for i := range parts {
		add(t, p.cur, 5, piece(fmt.Sprintf("p%03d", i), int64(i)))
		if r, err := p.cur.Request(context.Background(), 5); err != nil || r.PartCount != i+1 ||
			r.PartBytes != int64(i*(i+1)/2) {
			t.Fatalf("after part %d: %+v, %v", i, r, err)
		}
	}
}

func requestStops(t *testing.T, p *place[store.Requests]) {
	create(t, p.cur, made(5, "a"))
	add(t, p.cur, 5, piece("a00", 1), piece("a01", 1), piece("a02", 1))
	stop, n := errors.New("enough"), 0
	err := p.cur.Parts(context.Background(), 5, func(store.Part) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	wantErr(t, "Parts", err, stop)
	if n != 2 {
		t.Errorf("fn was called %d times, want 2", n)
	}
}

func requestIdle(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	create(t, p.cur, made(5, "a"))
	create(t, p.cur, made(6, "a"))
	for name, use := range map[string]func() error{
		"a part":         func() error { return p.cur.AddPart(ctx, 5, piece("a00", 1)) },
		"the same part":  func() error { return p.cur.AddPart(ctx, 5, piece("a00", 1)) },
		"a touch":        func() error { return p.cur.Touch(ctx, 7, 5) },
		"a clean up":     func() error { return p.cur.CleanUp(ctx, 5) },
		"a second start": func() error { return p.cur.Create(ctx, made(5, "a")) },
	} {
		must(t, p.cur.CleanUp(ctx, 5)) // so that a create is a start
		p.pass(100)
		before, err := p.cur.Request(ctx, 5)
		must(t, err)
		must(t, use())
		after, err := p.cur.Request(ctx, 5)
		must(t, err)
		if before.Idle < 100*time.Second || after.Idle > 50*time.Second {
			t.Errorf("%s: idle for %v, then for %v", name, before.Idle, after.Idle)
		}
	}
	other, err := p.cur.Request(ctx, 6)
	must(t, err)
	if other.Idle < 500*time.Second {
		t.Errorf("another request is idle for %v, want 500s", other.Idle)
	}
}

func requestCleanUp(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	want := made(5, "a")
	create(t, p.cur, want)
	add(t, p.cur, 5, piece("a00", 1))
	must(t, p.cur.CleanUp(ctx, 5))
	want.CleanedAt = at(1)
	checkMade(t, p.cur, want, piece("a00", 1))
	one, err := p.cur.Request(ctx, 5)
	must(t, err)
	p.pass(100)
	must(t, p.cur.CleanUp(ctx, 5))
	two, err := p.reopen().Request(ctx, 5)
	must(t, err)
	if d := two.CleanedAt.Sub(one.CleanedAt); d < 100*time.Second {
		t.Errorf("the second clean up came %v after the first, want 100s", d)
	}
}

func requestPrune(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	for id := range int64(5) {
		create(t, p.cur, made(id, "a"))
		add(t, p.cur, id, piece("p00", 1))
	}
	for id := range int64(4) {
		must(t, p.cur.CleanUp(ctx, id+1))
		p.pass(30)
	}
	n, err := p.cur.PruneRequests(ctx, 75*time.Second, time.Hour)
	must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	s := p.reopen()
	for id, there := range []bool{true, false, false, true, true} {
		if _, err := s.Request(ctx, int64(id)); (err == nil) != there {
			t.Errorf("request %d after prune: %v", id, err)
		}
	}
	create(t, s, made(1, "b"))
	checkMade(t, s, made(1, "b"))
}

// requestAbandoned has publishers that die before their clean up.
func requestAbandoned(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	const day = 24 * 60 * 60
	for id := range int64(4) {
		create(t, p.cur, made(id, "a"))
	}
	p.pass(20 * day)
	add(t, p.cur, 1, piece("a00", 1))
	must(t, p.cur.Touch(ctx, 2))
	p.pass(11 * day)
	n, err := p.cur.PruneRequests(ctx, 7*24*time.Hour, 30*24*time.Hour)
	must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	for id, there := range []bool{false, true, true, false} {
		if _, err := p.cur.Request(ctx, int64(id)); (err == nil) != there {
			t.Errorf("request %d after prune: %v", id, err)
		}
	}
}

func requestCancelled(t *testing.T, p *place[store.Requests]) {
	ctx, gone := context.Background(), cancelled()
	create(t, p.cur, made(1, "a"))
	_, err := p.cur.Request(gone, 1)
	wantErr(t, "Request", err, context.Canceled)
	wantErr(t, "Create", p.cur.Create(gone, made(2, "a")), context.Canceled)
	wantErr(t, "AddPart", p.cur.AddPart(gone, 1, piece("p", 1)), context.Canceled)
	wantErr(t, "Touch", p.cur.Touch(gone, 1), context.Canceled)
	wantErr(t, "CleanUp", p.cur.CleanUp(gone, 1), context.Canceled)
	_, err = p.cur.PruneRequests(gone, 0, 0)
	wantErr(t, "PruneRequests", err, context.Canceled)
	checkMade(t, p.cur, made(1, "a"))
	_, err = p.cur.Request(ctx, 2)
	wantErr(t, "Request that was cancelled", err, store.ErrNotFound)
}

// requestConcurrent lets many logins create the same ids and add parts, with readers beside them.
func requestConcurrent(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	const workers, ids = 8, 5
	places := []store.Requests{p.cur, p.another()}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			s := places[w%2]
			for id := range int64(ids) {
				login := fmt.Sprintf("login%d", w)
				if err := s.Create(ctx, made(id, login)); err != nil {
					t.Error(err)
				}
				for _, part := range []store.Part{piece("same00", id), piece(fmt.Sprintf("p%02d", w), id),
					piece("same00", int64(w))} {
					if err := s.AddPart(ctx, id, part); err != nil {
						t.Error(err)
					}
				}
				if r, err := s.Request(ctx, id); err != nil || !slices.Contains(r.Logins, login) {
					t.Errorf("request %d right after its create: %v %v", id, r, err)
				}
			}
		})
	}
	wg.Wait()
	s := p.reopen()
	for id := range int64(ids) {
		r, err := s.Request(ctx, id)
		must(t, err)
		count, sum := 0, int64(0)
		must(t, s.Parts(ctx, id, func(p store.Part) error { count++; sum += p.Size; return nil }))
		if len(r.Logins) != workers || count != workers+1 || r.PartCount != count ||
			r.PartBytes != sum || r.PartWidth != 2 {
			t.Errorf("request %d is %+v, its %d parts have %d bytes", id, r, count, sum)
		}
	}
}

func requestClosed(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	create(t, p.cur, made(1, "a"))
	p.close()
	wantErr(t, "Create", p.cur.Create(ctx, made(2, "a")), store.ErrClosed)
	_, err := p.cur.Request(ctx, 1)
	wantErr(t, "Request", err, store.ErrClosed)
	checkMade(t, p.reopen(), made(1, "a"))
}

func requestFind(t *testing.T, p *place[store.Requests]) {
	ctx, sum := context.Background(), made(1).Checksum
	_, err := p.cur.Find(ctx, 20121, sum)
	wantErr(t, "Find in an empty store", err, store.ErrNotFound)
	other := made(9, "a")
	other.Site = 20999
	create(t, p.cur, other)
	for _, id := range []int64{2, 1, 3} {
		create(t, p.cur, made(id, "a"))
		p.clock.move(time.Second)
	}
	for _, want := range []int64{3, 1, 2} {
		got, err := p.cur.Find(ctx, 20121, sum)
		if err != nil || got.ID != want || !slices.Equal(got.Logins, []string{"a"}) {
			t.Fatalf("Find: request %d of %v, %v; want %d", got.ID, got.Logins, err, want)
		}
		must(t, p.cur.CleanUp(ctx, want))
	}
	_, err = p.cur.Find(ctx, 20121, sum)
	wantErr(t, "Find when all are cleaned up", err, store.ErrNotFound)
	create(t, p.cur, made(1, "b")) // it lives again
	if got, err := p.cur.Find(ctx, 20121, sum); err != nil || got.ID != 1 {
		t.Errorf("Find: request %d, %v; want 1", got.ID, err)
	}
}
