package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

// TestPages runs the conformance suite of store.Pages.
func TestPages(t *testing.T, open Opener[store.Pages]) {
	rows(t, open, []row[store.Pages]{
		{"put and find", pagesFind},
		{"what was told last holds", pagesMoved},
		{"prune", pagesPrune},
		{"concurrent", pagesConcurrent},
		{"cancelled and closed", pagesEnd},
	})
}

// checkSite wants page to be in site; 0 for unknown.
func checkSite(t *testing.T, s store.Pages, page, want int64) {
	t.Helper()
	got, err := s.Site(context.Background(), page)
	if want == 0 {
		wantErr(t, "Site", err, store.ErrNotFound)
	} else if err != nil || got != want {
		t.Errorf("Site of %d = %d, %v, want %d", page, got, err, want)
	}
}

func pagesFind(t *testing.T, p *place[store.Pages]) {
	ctx := context.Background()
	checkSite(t, p.cur, 1, 0)
	must(t, p.cur.Put(ctx, 20121))
	must(t, p.cur.Put(ctx, 20121, 1, 2, -1<<63, 1<<63-1, 1))
	must(t, p.cur.Put(ctx, 20122, 3))
	for _, s := range []store.Pages{p.cur, p.another(), p.reopen()} {
		for page, site := range map[int64]int64{1: 20121, 2: 20121, -1 << 63: 20121,
			1<<63 - 1: 20121, 3: 20122, 4: 0, 0: 0} {
			checkSite(t, s, page, site)
		}
	}
}

func pagesMoved(t *testing.T, p *place[store.Pages]) {
	ctx := context.Background()
	for _, site := range []int64{5, 6, 6, 5} {
		must(t, p.cur.Put(ctx, site, 1))
		checkSite(t, p.cur, 1, site)
	}
}

func pagesPrune(t *testing.T, p *place[store.Pages]) {
	ctx := context.Background()
	const day = 24 * 60 * 60
	must(t, p.cur.Put(ctx, 5, 1, 2))
	for range 10 { // one of them is seen every twenty hours
		p.pass(20 * 60 * 60)
		must(t, p.cur.Put(ctx, 5, 1))
	}
	n, err := p.cur.PrunePages(ctx, 7*24*time.Hour)
	must(t, err)
	checkSite(t, p.cur, 1, 5)
	checkSite(t, p.cur, 2, 0)
	if n != 1 {
		t.Errorf("pruned %d, want 1", n)
	}
	p.pass(9 * day)
	n, err = p.cur.PrunePages(ctx, 7*24*time.Hour)
	must(t, err)
	if n != 1 {
		t.Errorf("pruned %d, want 1", n)
	}
}

func pagesConcurrent(t *testing.T, p *place[store.Pages]) {
	places := []store.Pages{p.cur, p.another()}
	var wg sync.WaitGroup
	for w := range int64(8) {
		wg.Go(func() {
			for page := range int64(20) {
				if err := places[w%2].Put(context.Background(), 7, page, w*1000+page); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for w := range int64(8) {
		for page := range int64(20) {
			checkSite(t, p.cur, w*1000+page, 7)
		}
	}
}

func pagesEnd(t *testing.T, p *place[store.Pages]) {
	ctx := context.Background()
	wantErr(t, "Put", p.cur.Put(cancelled(), 5, 1), context.Canceled)
	_, err := p.cur.Site(cancelled(), 1)
	wantErr(t, "Site", err, context.Canceled)
	checkSite(t, p.cur, 1, 0)
	p.close()
	wantErr(t, "Put", p.cur.Put(ctx, 5, 1), store.ErrClosed)
	_, err = p.cur.Site(ctx, 1)
	wantErr(t, "Site", err, store.ErrClosed)
}
