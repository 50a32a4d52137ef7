package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestPages runs the conformance suite of store.Pages.
func TestPages(t *testing.T, open place.Opener[store.Pages]) {
	place.Run(t, open, []place.Row[store.Pages]{
		{Name: "put and find", Run: pagesFind},
		{Name: "what was told last holds", Run: pagesMoved},
		{Name: "prune", Run: pagesPrune},
		{Name: "concurrent", Run: pagesConcurrent},
		{Name: "cancelled and closed", Run: pagesEnd},
	})
}

// checkSite wants page to be in site; 0 for unknown.
func checkSite(t *testing.T, s store.Pages, page, want int64) {
	t.Helper()
	got, err := s.Site(context.Background(), page)
	if want == 0 {
		place.WantErr(t, "Site", err, store.ErrNotFound)
	} else if err != nil || got != want {
		t.Errorf("Site of %d = %d, %v, want %d", page, got, err, want)
	}
}

func pagesFind(t *testing.T, p *place.Place[store.Pages]) {
	ctx := context.Background()
	checkSite(t, p.Store, 1, 0)
	place.Must(t, p.Store.Put(ctx, 20121))
	place.Must(t, p.Store.Put(ctx, 20121, 1, 2, -1<<63, 1<<63-1, 1))
	place.Must(t, p.Store.Put(ctx, 20122, 3))
	for _, s := range []store.Pages{p.Store, p.Another(), p.Reopen()} {
		for page, site := range map[int64]int64{1: 20121, 2: 20121, -1 << 63: 20121,
			1<<63 - 1: 20121, 3: 20122, 4: 0, 0: 0} {
			checkSite(t, s, page, site)
		}
	}
}

func pagesMoved(t *testing.T, p *place.Place[store.Pages]) {
	ctx := context.Background()
	for _, site := range []int64{5, 6, 6, 5} {
		place.Must(t, p.Store.Put(ctx, site, 1))
		checkSite(t, p.Store, 1, site)
	}
}

func pagesPrune(t *testing.T, p *place.Place[store.Pages]) {
	ctx := context.Background()
	const day = 24 * 60 * 60
	place.Must(t, p.Store.Put(ctx, 5, 1, 2))
	for range 10 { // one of them is seen every twenty hours
		p.Pass(20 * 60 * 60)
		place.Must(t, p.Store.Put(ctx, 5, 1))
	}
	n, err := p.Store.PrunePages(ctx, 7*24*time.Hour)
	place.Must(t, err)
	checkSite(t, p.Store, 1, 5)
	checkSite(t, p.Store, 2, 0)
	if n != 1 {
		t.Errorf("pruned %d, want 1", n)
	}
	p.Pass(9 * day)
	n, err = p.Store.PrunePages(ctx, 7*24*time.Hour)
	place.Must(t, err)
	if n != 1 {
		t.Errorf("pruned %d, want 1", n)
	}
}

func pagesConcurrent(t *testing.T, p *place.Place[store.Pages]) {
	places := []store.Pages{p.Store, p.Another()}
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
			checkSite(t, p.Store, w*1000+page, 7)
		}
	}
}

func pagesEnd(t *testing.T, p *place.Place[store.Pages]) {
	ctx := context.Background()
	place.WantErr(t, "Put", p.Store.Put(place.Cancelled(), 5, 1), context.Canceled)
	_, err := p.Store.Site(place.Cancelled(), 1)
	place.WantErr(t, "Site", err, context.Canceled)
	checkSite(t, p.Store, 1, 0)
	p.Close()
	place.WantErr(t, "Put", p.Store.Put(ctx, 5, 1), store.ErrClosed)
	_, err = p.Store.Site(ctx, 1)
	place.WantErr(t, "Site", err, store.ErrClosed)
}
