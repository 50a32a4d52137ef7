package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
)

// TestRequests runs the conformance suite of store.Requests.
func TestRequests(t *testing.T, open func(t *testing.T, dir string) store.Requests) {
	rows(t, timeless(open), []row[store.Requests]{
		{"unknown", requestsUnknown},
		{"comes back as it was", requestsRoundTrip},
		{"second login is added", requestsLogins},
		{"created again after clean up", requestsAgain},
		{"id that the engine reused", requestsReused},
		{"parts", requestsParts},
		{"clean up", requestsCleanUp},
		{"prune", requestsPrune},
		{"cancelled", requestsCancelled},
		{"concurrent", requestsConcurrent},
		{"closed", requestsClosed},
	})
}

func request(id int64, logins ...string) store.Request {
	return store.Request{
		ID: id, Site: 20121, Checksum: "d41d8cd98f00b204e9800998ecf8427e", Peer: "staging",
		Logins: logins, CreatedAt: at(0),
	}
}

func part(name string, size int64) store.Part { return store.Part{Name: name, Size: size} }

// checkRequest wants request want.ID to be want.
func checkRequest(t *testing.T, s store.Requests, want store.Request) {
	t.Helper()
	got, err := s.Request(context.Background(), want.ID)
	must(t, err)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("request %d (-want +got):\n%s", want.ID, d)
	}
}

func requestsUnknown(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	must(t, p.cur.Create(ctx, request(1, "a")))
	_, err := p.cur.Request(ctx, 2)
	wantErr(t, "Request", err, store.ErrNotFound)
	wantErr(t, "AddPart", p.cur.AddPart(ctx, 2, store.Part{Name: "p"}), store.ErrNotFound)
	wantErr(t, "CleanUp", p.cur.CleanUp(ctx, 2, at(1)), store.ErrNotFound)
	_, err = p.cur.Request(ctx, 2)
	wantErr(t, "Request after the others", err, store.ErrNotFound)
}

func requestsRoundTrip(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	var all []store.Request
	for i, id := range []int64{0, 1, -1, 1<<63 - 1, -1 << 63} {
		r := request(id, odd...)
		r.Site, r.Peer, r.Checksum, r.CreatedAt = -id, odd[i], odd[i+1], at(i)
		must(t, p.cur.Create(ctx, r))
		for j, name := range odd {
			r.Parts = append(r.Parts, part(name, int64(j)<<40))
			must(t, p.cur.AddPart(ctx, id, r.Parts[j]))
		}
		all = append(all, r)
	}
	bare := store.Request{ID: 77}
	must(t, p.cur.Create(ctx, bare))
	for _, s := range []store.Requests{p.cur, p.reopen()} {
		for _, r := range append(all, bare) {
			checkRequest(t, s, r)
		}
	}
}

func requestsLogins(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	want := request(5, "first")
	must(t, p.cur.Create(ctx, want))
	must(t, p.cur.AddPart(ctx, 5, part("x.zip00", 9)))
	second := request(5, "second", "first", "Second")
	second.Peer, second.CreatedAt = "another", at(9)
	must(t, p.cur.Create(ctx, second))
	must(t, p.cur.Create(ctx, request(5, "first")))
	want.Logins = []string{"first", "second", "Second"}
	want.Parts = []store.Part{part("x.zip00", 9)}
	checkRequest(t, p.cur, want)
	checkRequest(t, p.reopen(), want)
}

func requestsAgain(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	want := request(5, "a")
	must(t, p.cur.Create(ctx, want))
	must(t, p.cur.AddPart(ctx, 5, part("x.zip00", 9)))
	must(t, p.cur.CleanUp(ctx, 5, at(1)))
	must(t, p.cur.Create(ctx, request(5, "b")))
	want.Logins = []string{"a", "b"}
	checkRequest(t, p.cur, want)
	n, err := p.cur.PruneRequests(ctx, at(100))
	must(t, err)
	if n != 0 {
		t.Errorf("pruned %d that live again", n)
	}
	checkRequest(t, p.reopen(), want)
}

// requestsReused creates an id for something else: nothing of the old one may open the new one.
func requestsReused(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	site, sum := request(5, "new"), request(6, "new")
	site.Site++
	sum.Checksum = "00000000000000000000000000000000"
	for _, r := range []store.Request{site, sum} {
		r.CreatedAt, r.Peer = at(7), "new peer"
		must(t, p.cur.Create(ctx, request(r.ID, "old")))
		must(t, p.cur.AddPart(ctx, r.ID, part("x.zip00", 9)))
		must(t, p.cur.Create(ctx, r))
		checkRequest(t, p.cur, r)
	}
}

func requestsParts(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	want := request(5, "a")
	must(t, p.cur.Create(ctx, want))
	must(t, p.cur.Create(ctx, request(6, "a")))
	for _, pt := range []store.Part{part("z00", 1), part("a01", 2), part("m02", 3), part("a01", 20),
		part("A01", 4)} {
		must(t, p.cur.AddPart(ctx, 5, pt))
	}
	want.Parts = []store.Part{part("z00", 1), part("a01", 20), part("m02", 3), part("A01", 4)}
	checkRequest(t, p.cur, want)
	checkRequest(t, p.cur, request(6, "a"))
	checkRequest(t, p.reopen(), want)
}

func requestsCleanUp(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	want := request(5, "a")
	must(t, p.cur.Create(ctx, want))
	must(t, p.cur.CleanUp(ctx, 5, at(3)))
	want.CleanedAt = at(3)
	checkRequest(t, p.cur, want)
	must(t, p.cur.CleanUp(ctx, 5, at(4)))
	want.CleanedAt = at(4)
	checkRequest(t, p.reopen(), want)
}

func requestsPrune(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	for id := range int64(5) {
		must(t, p.cur.Create(ctx, request(id, "a")))
		must(t, p.cur.AddPart(ctx, id, store.Part{Name: "p00"}))
		if id > 0 {
			must(t, p.cur.CleanUp(ctx, id, at(int(id))))
		}
	}
	n, err := p.cur.PruneRequests(ctx, at(3))
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
	must(t, s.Create(ctx, request(1, "b")))
	checkRequest(t, s, request(1, "b"))
}

func requestsCancelled(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	must(t, p.cur.Create(ctx, request(1, "a")))
	gone := cancelled()
	_, err := p.cur.Request(gone, 1)
	wantErr(t, "Request", err, context.Canceled)
	wantErr(t, "Create", p.cur.Create(gone, request(2, "a")), context.Canceled)
	wantErr(t, "AddPart", p.cur.AddPart(gone, 1, store.Part{Name: "p"}), context.Canceled)
	wantErr(t, "CleanUp", p.cur.CleanUp(gone, 1, at(1)), context.Canceled)
	_, err = p.cur.PruneRequests(gone, at(9))
	wantErr(t, "PruneRequests", err, context.Canceled)
	checkRequest(t, p.cur, request(1, "a"))
	_, err = p.cur.Request(ctx, 2)
	wantErr(t, "Request that was cancelled", err, store.ErrNotFound)
}

// requestsConcurrent lets many logins create the same ids and add parts, with readers beside them.
func requestsConcurrent(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	const workers, ids = 8, 5
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for id := range int64(ids) {
				login := fmt.Sprintf("login%d", w)
				if err := p.cur.Create(ctx, request(id, login)); err != nil {
					t.Error(err)
				}
				if err := p.cur.AddPart(ctx, id,
					store.Part{Name: fmt.Sprintf("p%02d", w), Size: id}); err != nil {
					t.Error(err)
				}
				if r, err := p.cur.Request(ctx, id); err != nil ||
					!slices.Contains(r.Logins, login) {
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
		if len(r.Logins) != workers || len(r.Parts) != workers {
			t.Errorf("request %d has logins %v and parts %v, want %d of each", id, r.Logins,
				r.Parts, workers)
		}
	}
}

func requestsClosed(t *testing.T, p *place[store.Requests]) {
	ctx := context.Background()
	must(t, p.cur.Create(ctx, request(1, "a")))
	p.close()
	wantErr(t, "Create", p.cur.Create(ctx, request(2, "a")), store.ErrClosed)
	_, err := p.cur.Request(ctx, 1)
	wantErr(t, "Request", err, store.ErrClosed)
	checkRequest(t, p.reopen(), request(1, "a"))
}
