package requests

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
	"github.com/stagelock/stagelock/store/storetest/place"
)

// Test runs the conformance suite of store.Requests.
func Test(t *testing.T, open place.Opener[store.Requests]) {
	place.Run(t, open, []place.Row[store.Requests]{
		{Name: "unknown", Run: requestUnknown},
		{Name: "comes back as it was", Run: requestRoundTrip},
		{Name: "second login is added", Run: requestLogins},
		{Name: "created again after clean up", Run: requestAgain},
		{Name: "whose parts are in it", Run: requestSenders},
		{Name: "nobody's parts when it lives again", Run: requestSendersAgain},
		{Name: "id that the engine reused", Run: requestReused},
		{Name: "found by site and checksum", Run: requestFind},
		{Name: "found beside clean-ups", Run: requestFindBesideCleanUps},
		{Name: "parts and their sums", Run: requestParts},
		{Name: "many parts cost the same each", Run: requestManyParts},
		{Name: "reader's error stops", Run: requestStops},
		{Name: "idle since its last use", Run: requestIdle},
		{Name: "clean up", Run: requestCleanUp},
		{Name: "prune", Run: requestPrune},
		{Name: "abandoned ones are forgotten", Run: requestAbandoned},
		{Name: "cancelled", Run: requestCancelled},
		{Name: "concurrent, in two processes", Run: requestConcurrent},
		{Name: "closed", Run: requestClosed},
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
	place.Must(t, s.Create(context.Background(), req))
}

func add(t *testing.T, s store.Requests, id int64, parts ...store.Part) {
	t.Helper()
	for _, part := range parts {
		place.Must(t, s.AddPart(context.Background(), id, part))
	}
}

// checkMade wants request want.ID to be want but for its times, with these parts.
func checkMade(t *testing.T, s store.Requests, want store.Request, parts ...store.Part) {
	t.Helper()
	ctx := context.Background()
	got, err := s.Request(ctx, want.ID)
	place.Must(t, err)
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
	place.Must(t, s.Parts(ctx, want.ID, func(p store.Part) error { all = append(all, p); return nil }))
	if d := cmp.Diff(parts, all, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("parts of request %d (-want +got):\n%s", want.ID, d)
	}
}

func requestUnknown(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	create(t, p.Store, made(1, "a"))
	_, err := p.Store.Request(ctx, 2)
	place.WantErr(t, "Request", err, store.ErrNotFound)
	place.WantErr(t, "AddPart", p.Store.AddPart(ctx, 2, piece("p", 1)), store.ErrNotFound)
	place.WantErr(t, "CleanUp", p.Store.CleanUp(ctx, 2), store.ErrNotFound)
	for _, id := range []int64{1, 2} {
		_, err = p.Store.Part(ctx, id, "p")
		place.WantErr(t, "Part", err, store.ErrNotFound)
	}
	place.Must(t, p.Store.Parts(ctx, 2, func(store.Part) error { return errors.New("a part") }))
	place.Must(t, p.Store.Touch(ctx, 2))
	place.Must(t, p.Store.Touch(ctx))
	_, err = p.Store.Request(ctx, 2)
	place.WantErr(t, "Request after the others", err, store.ErrNotFound)
}

func requestRoundTrip(t *testing.T, p *place.Place[store.Requests]) {
	all := map[int64]store.Request{}
	var parts []store.Part
	for j, name := range place.Odd {
		parts = append(parts, piece(name, int64(j)<<40))
	}
	for i, id := range []int64{0, 1, -1, 1<<63 - 1, -1 << 63} {
		r := made(id, place.Odd...)
		r.Site, r.Peer, r.Checksum, r.Upstream = -id, place.Odd[i], place.Odd[i+1], place.Odd[i+2]
		create(t, p.Store, r)
		add(t, p.Store, id, parts...)
		all[id] = r
	}
	bare := store.Request{ID: 77}
	create(t, p.Store, bare)
	for _, s := range []store.Requests{p.Store, p.Another(), p.Reopen()} {
		for _, r := range all {
			checkMade(t, s, r, parts...)
		}
		checkMade(t, s, bare)
	}
}

func requestLogins(t *testing.T, p *place.Place[store.Requests]) {
	want := made(5, "first")
	create(t, p.Store, want)
	add(t, p.Store, 5, piece("x.zip00", 9))
	second := made(5, "second", "first", "Second")
	second.Peer, second.Upstream = "another", "engine-2"
	create(t, p.Store, second)
	create(t, p.Store, made(5, "first"))
	want.Logins = []string{"first", "second", "Second"}
	checkMade(t, p.Store, want, piece("x.zip00", 9))
	checkMade(t, p.Reopen(), want, piece("x.zip00", 9))
}

func requestAgain(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	want := made(5, "a")
	create(t, p.Store, want)
	add(t, p.Store, 5, piece("x.zip00", 9))
	place.Must(t, p.Store.CleanUp(ctx, 5))
	p.Pass(100)
	again := made(5, "b")
	again.Upstream = "engine-2"
	create(t, p.Store, again)
	want.Logins, want.Upstream = []string{"b"}, "engine-2"
	checkMade(t, p.Store, want)
	n, err := p.Store.PruneRequests(ctx, time.Minute, time.Minute)
	place.Must(t, err)
	if n != 0 {
		t.Errorf("pruned %d that live again", n)
	}
	add(t, p.Store, 5, store.Part{Name: "y.zip000", Size: 3, Width: 3})
	checkMade(t, p.Reopen(), want, store.Part{Name: "y.zip000", Size: 3, Width: 3})
}

// requestReused creates an id for something else: nothing of the old one may open the new one.
func requestReused(t *testing.T, p *place.Place[store.Requests]) {
	site, sum := made(5, "new"), made(6, "new")
	site.Site++
	sum.Checksum = "00000000000000000000000000000000"
	for _, r := range []store.Request{site, sum} {
		r.Peer, r.Upstream = "new peer", "engine-2"
		create(t, p.Store, made(r.ID, "old"))
		add(t, p.Store, r.ID, piece("x.zip00", 9))
		create(t, p.Store, r)
		checkMade(t, p.Store, r)
	}
}

func requestParts(t *testing.T, p *place.Place[store.Requests]) {
	want := made(5, "a")
	create(t, p.Store, want)
	create(t, p.Store, made(6, "a"))
	add(t, p.Store, 5, piece("z00", 1), store.Part{Name: "a001", Size: 2, Width: 3}, piece("m02", 3),
		store.Part{Name: "a001", Size: 20, Width: 3}, piece("A01", 4), piece("m02", 0))
	all := []store.Part{piece("z00", 1), {Name: "a001", Size: 20, Width: 3}, piece("m02", 0),
		piece("A01", 4)}
	checkMade(t, p.Store, want, all...)
	checkMade(t, p.Store, made(6, "a"))
	checkMade(t, p.Reopen(), want, all...)
	_, err := p.Store.Part(context.Background(), 5, "a01")
	place.WantErr(t, "Part of another spelling", err, store.ErrNotFound)
}

// requestManyParts counts what is read of a request that has many: its sums, never the list.
func requestManyParts(t *testing.T, p *place.Place[store.Requests]) {
	const parts = 300
	create(t, p.Store, made(5, "a"))
	for i := range parts {
		add(t, p.Store, 5, piece(fmt.Sprintf("p%03d", i), int64(i)))
		if r, err := p.Store.Request(context.Background(), 5); err != nil || r.PartCount != i+1 ||
			r.PartBytes != int64(i*(i+1)/2) {
			t.Fatalf("after part %d: %+v, %v", i, r, err)
		}
	}
}

func requestStops(t *testing.T, p *place.Place[store.Requests]) {
	create(t, p.Store, made(5, "a"))
	add(t, p.Store, 5, piece("a00", 1), piece("a01", 1), piece("a02", 1))
	stop, n := errors.New("enough"), 0
	err := p.Store.Parts(context.Background(), 5, func(store.Part) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	place.WantErr(t, "Parts", err, stop)
	if n != 2 {
		t.Errorf("fn was called %d times, want 2", n)
	}
}

func requestIdle(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	create(t, p.Store, made(5, "a"))
	create(t, p.Store, made(6, "a"))
	for name, use := range map[string]func() error{
		"a part":         func() error { return p.Store.AddPart(ctx, 5, piece("a00", 1)) },
		"the same part":  func() error { return p.Store.AddPart(ctx, 5, piece("a00", 1)) },
		"a touch":        func() error { return p.Store.Touch(ctx, 7, 5) },
		"a clean up":     func() error { return p.Store.CleanUp(ctx, 5) },
		"a second start": func() error { return p.Store.Create(ctx, made(5, "a")) },
	} {
		place.Must(t, p.Store.CleanUp(ctx, 5)) // so that a create is a start
		p.Pass(100)
		before, err := p.Store.Request(ctx, 5)
		place.Must(t, err)
		place.Must(t, use())
		after, err := p.Store.Request(ctx, 5)
		place.Must(t, err)
		if before.Idle < 100*time.Second || after.Idle > 50*time.Second {
			t.Errorf("%s: idle for %v, then for %v", name, before.Idle, after.Idle)
		}
	}
	other, err := p.Store.Request(ctx, 6)
	place.Must(t, err)
	if other.Idle < 500*time.Second {
		t.Errorf("another request is idle for %v, want 500s", other.Idle)
	}
}

func requestCleanUp(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	want := made(5, "a")
	create(t, p.Store, want)
	add(t, p.Store, 5, piece("a00", 1))
	place.Must(t, p.Store.CleanUp(ctx, 5))
	want.CleanedAt = place.At(1)
	checkMade(t, p.Store, want, piece("a00", 1))
	one, err := p.Store.Request(ctx, 5)
	place.Must(t, err)
	p.Pass(100)
	place.Must(t, p.Store.CleanUp(ctx, 5))
	two, err := p.Reopen().Request(ctx, 5)
	place.Must(t, err)
	if d := two.CleanedAt.Sub(one.CleanedAt); d < 100*time.Second {
		t.Errorf("the second clean up came %v after the first, want 100s", d)
	}
}

func requestPrune(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	for id := range int64(5) {
		create(t, p.Store, made(id, "a"))
		add(t, p.Store, id, piece("p00", 1))
	}
	for id := range int64(4) {
		place.Must(t, p.Store.CleanUp(ctx, id+1))
		p.Pass(30)
	}
	n, err := p.Store.PruneRequests(ctx, 75*time.Second, time.Hour)
	place.Must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	s := p.Reopen()
	for id, there := range []bool{true, false, false, true, true} {
		if _, err := s.Request(ctx, int64(id)); (err == nil) != there {
			t.Errorf("request %d after prune: %v", id, err)
		}
	}
	create(t, s, made(1, "b"))
	checkMade(t, s, made(1, "b"))
}

// requestAbandoned has publishers that die before their clean up.
func requestAbandoned(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	const day = 24 * 60 * 60
	for id := range int64(4) {
		create(t, p.Store, made(id, "a"))
	}
	p.Pass(20 * day)
	add(t, p.Store, 1, piece("a00", 1))
	place.Must(t, p.Store.Touch(ctx, 2))
	p.Pass(11 * day)
	n, err := p.Store.PruneRequests(ctx, 7*24*time.Hour, 30*24*time.Hour)
	place.Must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	for id, there := range []bool{false, true, true, false} {
		if _, err := p.Store.Request(ctx, int64(id)); (err == nil) != there {
			t.Errorf("request %d after prune: %v", id, err)
		}
	}
}

func requestCancelled(t *testing.T, p *place.Place[store.Requests]) {
	ctx, gone := context.Background(), place.Cancelled()
	create(t, p.Store, made(1, "a"))
	_, err := p.Store.Request(gone, 1)
	place.WantErr(t, "Request", err, context.Canceled)
	place.WantErr(t, "Create", p.Store.Create(gone, made(2, "a")), context.Canceled)
	place.WantErr(t, "AddPart", p.Store.AddPart(gone, 1, piece("p", 1)), context.Canceled)
	place.WantErr(t, "Touch", p.Store.Touch(gone, 1), context.Canceled)
	place.WantErr(t, "CleanUp", p.Store.CleanUp(gone, 1), context.Canceled)
	_, err = p.Store.PruneRequests(gone, 0, 0)
	place.WantErr(t, "PruneRequests", err, context.Canceled)
	checkMade(t, p.Store, made(1, "a"))
	_, err = p.Store.Request(ctx, 2)
	place.WantErr(t, "Request that was cancelled", err, store.ErrNotFound)
}

// requestConcurrent lets many logins create the same ids and add parts, with readers beside them.
func requestConcurrent(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	const workers, ids = 8, 5
	places := []store.Requests{p.Store, p.Another()}
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
	s := p.Reopen()
	for id := range int64(ids) {
		r, err := s.Request(ctx, id)
		place.Must(t, err)
		count, sum := 0, int64(0)
		place.Must(t, s.Parts(ctx, id, func(p store.Part) error { count++; sum += p.Size; return nil }))
		if len(r.Logins) != workers || count != workers+1 || r.PartCount != count ||
			r.PartBytes != sum || r.PartWidth != 2 {
			t.Errorf("request %d is %+v, its %d parts have %d bytes", id, r, count, sum)
		}
	}
}

func requestClosed(t *testing.T, p *place.Place[store.Requests]) {
	ctx := context.Background()
	create(t, p.Store, made(1, "a"))
	p.Close()
	place.WantErr(t, "Create", p.Store.Create(ctx, made(2, "a")), store.ErrClosed)
	_, err := p.Store.Request(ctx, 1)
	place.WantErr(t, "Request", err, store.ErrClosed)
	checkMade(t, p.Reopen(), made(1, "a"))
}
