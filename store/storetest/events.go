package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestEvents runs the conformance suite of store.Events.
func TestEvents(t *testing.T, open func(t *testing.T, dir string) store.Events) {
	place.Run(t, place.Timeless(open), []place.Row[store.Events]{
		{Name: "empty log", Run: eventsEmpty},
		{Name: "append and read", Run: eventsRead},
		{Name: "bodies come back as they were", Run: eventsBodies},
		{Name: "keeps no body", Run: eventsKeepsNoBody},
		{Name: "wrong seq is stale and leaves nothing", Run: eventsStale},
		{Name: "refused bodies leave nothing", Run: eventsRefused},
		{Name: "reader's error stops", Run: eventsStops},
		{Name: "reopen", Run: eventsReopen},
		{Name: "cancelled", Run: eventsCancelled},
		{Name: "concurrent appends", Run: eventsConcurrent},
		{Name: "readers beside an appender", Run: eventsReaders},
		{Name: "closed", Run: eventsClosed},
	})
}

// body is the line that seq gets, so that a record in the wrong place shows.
func body(seq store.Seq) []byte {
	return fmt.Appendf(nil, `{"seq":%d,"text":"record %d"}`, seq,
		seq)
}

func records(from store.Seq, n int) []store.Record {
	recs := make([]store.Record, n)
	for i := range recs {
		seq := from + store.Seq(i)
		recs[i] = store.Record{Seq: seq, Body: body(seq)}
	}
	return recs
}

// checkLog reads from seq and wants every record up to last, each with its own body.
func checkLog(t *testing.T, ev store.Events, from, last store.Seq) {
	t.Helper()
	want := max(from, 1)
	err := ev.Read(context.Background(), from, func(r store.Record) error {
		if r.Seq != want || !bytes.Equal(r.Body, body(want)) {
			return fmt.Errorf("read from %d: got %d %q, want %d", from, r.Seq, r.Body, want)
		}
		want++
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if want != max(last+1, from) {
		t.Errorf("read from %d ended before %d, want all up to %d", from, want, last)
	}
}

func eventsEmpty(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	_, err := p.Store.Last(ctx)
	place.WantErr(t, "Last of an empty log", err, store.ErrNotFound)
	checkLog(t, p.Store, 1, 0)
	place.Must(t, p.Store.Append(ctx, nil))
	_, err = p.Reopen().Last(ctx)
	place.WantErr(t, "Last of an empty log, reopened", err, store.ErrNotFound)
}

func eventsRead(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	place.Must(t, p.Store.Append(ctx, records(1, 1)))
	place.Must(t, p.Store.Append(ctx, records(2, 50)))
	place.Must(t, p.Store.Append(ctx, records(52, 9)))
	for _, from := range []store.Seq{0, 1, 2, 30, 51, 52, 60, 61, 1000} {
		checkLog(t, p.Store, from, 60)
	}
	last, err := p.Store.Last(ctx)
	place.Must(t, err)
	if last.Seq != 60 || !bytes.Equal(last.Body, body(60)) {
		t.Errorf("Last = %d %q", last.Seq, last.Body)
	}
}

func eventsBodies(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	bodies := []string{`{}`, `{"a":"\n\u0000"}`, `{"long":"` + strings.Repeat("x", 1<<20) + `"}`,
		"\x00\xff\r", " ", `{"end":1}`}
	for i, b := range bodies {
		place.Must(t, p.Store.Append(ctx, []store.Record{{Seq: store.Seq(i + 1), Body: []byte(b)}}))
	}
	for _, ev := range []store.Events{p.Store, p.Reopen()} {
		i := 0
		place.Must(t, ev.Read(ctx, 1, func(r store.Record) error {
			if string(r.Body) != bodies[i] {
				t.Errorf("body %d is %.40q (%d bytes), want %.40q", r.Seq, r.Body, len(r.Body),
					bodies[i])
			}
			i++
			return nil
		}))
		if i != len(bodies) {
			t.Errorf("read %d records, want %d", i, len(bodies))
		}
	}
}

func eventsKeepsNoBody(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	recs := records(1, 2)
	place.Must(t, p.Store.Append(ctx, recs))
	for _, r := range recs {
		clear(r.Body)
	}
	last, err := p.Store.Last(ctx)
	place.Must(t, err)
	clear(last.Body)
	again, err := p.Store.Last(ctx)
	place.Must(t, err)
	if !bytes.Equal(again.Body, body(2)) {
		t.Errorf("Last = %q after its caller wrote into the body", again.Body)
	}
	checkLog(t, p.Store, 1, 2)
}

func eventsStale(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	gap := records(4, 3)
	gap[2].Seq = 9
	place.Must(t, p.Store.Append(ctx, records(1, 3)))
	for _, tt := range []struct {
		name string
		recs []store.Record
	}{
		{"seq of the first", records(1, 1)}, {"last again", records(3, 1)},
		{"one too far", records(5, 1)}, {"zero", records(0, 4)},
		{"all again", records(1, 3)}, {"a group over the end", records(3, 3)}, {"a group over the beginning", records(1, 9)},
		{"a group too far", records(5, 4)}, {"much too far", records(90, 1)},
		{"gap inside", gap}, {"twice", append(records(4, 1), records(4, 1)...)},
	} {
		place.WantErr(t, tt.name, p.Store.Append(ctx, tt.recs), store.ErrStale)
	}
	checkLog(t, p.Store, 1, 3)
	place.Must(t, p.Reopen().Append(ctx, records(4, 1)))
	checkLog(t, p.Store, 1, 4)
}

func eventsRefused(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	place.Must(t, p.Store.Append(ctx, records(1, 1)))
	for _, bad := range []string{"", "\n", "{}\n", "{}\n{}"} {
		recs := append(records(2, 2), store.Record{Seq: 4, Body: []byte(bad)})
		if p.Store.Append(ctx, recs) == nil {
			t.Errorf("body %q was taken", bad)
		}
	}
	checkLog(t, p.Store, 1, 1)
	place.Must(t, p.Store.Append(ctx, records(2, 1)))
	checkLog(t, p.Reopen(), 1, 2)
}

func eventsStops(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	place.Must(t, p.Store.Append(ctx, records(1, 5)))
	stop, n := errors.New("enough"), 0
	err := p.Store.Read(ctx, 2, func(store.Record) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	place.WantErr(t, "Read", err, stop)
	if n != 2 {
		t.Errorf("fn was called %d times, want 2", n)
	}
}

func eventsReopen(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	for i := range 5 {
		place.Must(t, p.Store.Append(ctx, records(store.Seq(i*10+1), 10)))
		checkLog(t, p.Reopen(), 1, store.Seq(i*10+10))
		last, err := p.Store.Last(ctx)
		place.Must(t, err)
		if want := store.Seq(i*10 + 10); last.Seq != want || !bytes.Equal(last.Body, body(want)) {
			t.Errorf("Last after reopen = %d %q, want %d", last.Seq, last.Body, want)
		}
	}
}

func eventsCancelled(t *testing.T, p *place.Place[store.Events]) {
	place.Must(t, p.Store.Append(context.Background(), records(1, 2)))
	place.WantErr(t, "Append", p.Store.Append(place.Cancelled(), records(3, 1)), context.Canceled)
	place.WantErr(t, "Read", p.Store.Read(place.Cancelled(), 1, func(store.Record) error { return nil }),
		context.Canceled)
	ctx, cancel := context.WithCancel(context.Background())
	err := p.Store.Read(ctx, 1, func(store.Record) error { cancel(); return nil })
	place.WantErr(t, "Read that is cancelled within", err, context.Canceled)
	checkLog(t, p.Store, 1, 2)
}

// eventsConcurrent lets appenders race for each number: one wins, the others see ErrStale and try
// the next.
func eventsConcurrent(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			seq := store.Seq(1)
			for done := 0; done < each; seq++ {
				err := p.Store.Append(ctx, records(seq, 1))
				if err == nil {
					done++
				} else if !errors.Is(err, store.ErrStale) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	checkLog(t, p.Store, 1, workers*each)
	checkLog(t, p.Reopen(), 1, workers*each)
}

func eventsReaders(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	const last = 200
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				want := store.Seq(1)
				err := p.Store.Read(ctx, 1, func(r store.Record) error {
					if r.Seq != want || !bytes.Equal(r.Body, body(want)) {
						return fmt.Errorf("reader saw %d %q, want %d", r.Seq, r.Body, want)
					}
					want++
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for seq := store.Seq(1); seq <= last; seq += 4 {
		if err := p.Store.Append(ctx, records(seq, 4)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
	checkLog(t, p.Store, 1, last)
}

func eventsClosed(t *testing.T, p *place.Place[store.Events]) {
	ctx := context.Background()
	place.Must(t, p.Store.Append(ctx, records(1, 1)))
	p.Close()
	place.WantErr(t, "Append", p.Store.Append(ctx, records(2, 1)), store.ErrClosed)
	_, err := p.Store.Last(ctx)
	place.WantErr(t, "Last", err, store.ErrClosed)
	place.WantErr(t, "Read", p.Store.Read(ctx, 1, func(store.Record) error { return nil }), store.ErrClosed)
	checkLog(t, p.Reopen(), 1, 1)
}
