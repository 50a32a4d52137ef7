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
)

// TestEvents runs the conformance suite of store.Events.
func TestEvents(t *testing.T, open func(t *testing.T, dir string) store.Events) {
	rows(t, timeless(open), []row[store.Events]{
		{"empty log", eventsEmpty},
		{"append and read", eventsRead},
		{"bodies come back as they were", eventsBodies},
		{"keeps no body", eventsKeepsNoBody},
		{"wrong seq is stale and leaves nothing", eventsStale},
		{"refused bodies leave nothing", eventsRefused},
		{"reader's error stops", eventsStops},
		{"reopen", eventsReopen},
		{"cancelled", eventsCancelled},
		{"concurrent appends", eventsConcurrent},
		{"readers beside an appender", eventsReaders},
		{"closed", eventsClosed},
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

func eventsEmpty(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	_, err := p.cur.Last(ctx)
	wantErr(t, "Last of an empty log", err, store.ErrNotFound)
	checkLog(t, p.cur, 1, 0)
	must(t, p.cur.Append(ctx, nil))
	_, err = p.reopen().Last(ctx)
	wantErr(t, "Last of an empty log, reopened", err, store.ErrNotFound)
}

func eventsRead(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	must(t, p.cur.Append(ctx, records(1, 1)))
	must(t, p.cur.Append(ctx, records(2, 50)))
	must(t, p.cur.Append(ctx, records(52, 9)))
	for _, from := range []store.Seq{0, 1, 2, 30, 51, 52, 60, 61, 1000} {
		checkLog(t, p.cur, from, 60)
	}
	last, err := p.cur.Last(ctx)
	must(t, err)
	if last.Seq != 60 || !bytes.Equal(last.Body, body(60)) {
		t.Errorf("Last = %d %q", last.Seq, last.Body)
	}
}

func eventsBodies(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	bodies := []string{`{}`, `{"a":"\n\u0000"}`, `{"long":"` + strings.Repeat("x", 1<<20) + `"}`,
		"\x00\xff\r", " ", `{"end":1}`}
	for i, b := range bodies {
		must(t, p.cur.Append(ctx, []store.Record{{Seq: store.Seq(i + 1), Body: []byte(b)}}))
	}
	for _, ev := range []store.Events{p.cur, p.reopen()} {
		i := 0
		must(t, ev.Read(ctx, 1, func(r store.Record) error {
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

func eventsKeepsNoBody(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	recs := records(1, 2)
	must(t, p.cur.Append(ctx, recs))
	for _, r := range recs {
		clear(r.Body)
	}
	last, err := p.cur.Last(ctx)
	must(t, err)
	clear(last.Body)
	again, err := p.cur.Last(ctx)
	must(t, err)
	if !bytes.Equal(again.Body, body(2)) {
		t.Errorf("Last = %q after its caller wrote into the body", again.Body)
	}
	checkLog(t, p.cur, 1, 2)
}

func eventsStale(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	gap := records(4, 3)
	gap[2].Seq = 9
	must(t, p.cur.Append(ctx, records(1, 3)))
	for _, tt := range []struct {
		name string
		recs []store.Record
	}{
		{"seq of the first", records(1, 1)}, {"last again", records(3, 1)},
		{"one too far", records(5, 1)}, {"zero", records(0, 4)},
		{"gap inside", gap}, {"twice", append(records(4, 1), records(4, 1)...)},
	} {
		wantErr(t, tt.name, p.cur.Append(ctx, tt.recs), store.ErrStale)
	}
	checkLog(t, p.cur, 1, 3)
	must(t, p.reopen().Append(ctx, records(4, 1)))
	checkLog(t, p.cur, 1, 4)
}

func eventsRefused(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	must(t, p.cur.Append(ctx, records(1, 1)))
	for _, bad := range []string{"", "\n", "{}\n", "{}\n{}"} {
		recs := append(records(2, 2), store.Record{Seq: 4, Body: []byte(bad)})
		if p.cur.Append(ctx, recs) == nil {
			t.Errorf("body %q was taken", bad)
		}
	}
	checkLog(t, p.cur, 1, 1)
	must(t, p.cur.Append(ctx, records(2, 1)))
	checkLog(t, p.reopen(), 1, 2)
}

func eventsStops(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	must(t, p.cur.Append(ctx, records(1, 5)))
	stop, n := errors.New("enough"), 0
	err := p.cur.Read(ctx, 2, func(store.Record) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	wantErr(t, "Read", err, stop)
	if n != 2 {
		t.Errorf("fn was called %d times, want 2", n)
	}
}

func eventsReopen(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	for i := range 5 {
		must(t, p.cur.Append(ctx, records(store.Seq(i*10+1), 10)))
		checkLog(t, p.reopen(), 1, store.Seq(i*10+10))
		last, err := p.cur.Last(ctx)
		must(t, err)
		if want := store.Seq(i*10 + 10); last.Seq != want || !bytes.Equal(last.Body, body(want)) {
			t.Errorf("Last after reopen = %d %q, want %d", last.Seq, last.Body, want)
		}
	}
}

func eventsCancelled(t *testing.T, p *place[store.Events]) {
	must(t, p.cur.Append(context.Background(), records(1, 2)))
	wantErr(t, "Append", p.cur.Append(cancelled(), records(3, 1)), context.Canceled)
	wantErr(t, "Read", p.cur.Read(cancelled(), 1, func(store.Record) error { return nil }),
		context.Canceled)
	ctx, cancel := context.WithCancel(context.Background())
	err := p.cur.Read(ctx, 1, func(store.Record) error { cancel(); return nil })
	wantErr(t, "Read that is cancelled within", err, context.Canceled)
	checkLog(t, p.cur, 1, 2)
}

// eventsConcurrent lets appenders race for each number: one wins, the others see ErrStale and try
// the next.
func eventsConcurrent(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			seq := store.Seq(1)
			for done := 0; done < each; seq++ {
				err := p.cur.Append(ctx, records(seq, 1))
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
	checkLog(t, p.cur, 1, workers*each)
	checkLog(t, p.reopen(), 1, workers*each)
}

func eventsReaders(t *testing.T, p *place[store.Events]) {
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
				err := p.cur.Read(ctx, 1, func(r store.Record) error {
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
		if err := p.cur.Append(ctx, records(seq, 4)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
	checkLog(t, p.cur, 1, last)
}

func eventsClosed(t *testing.T, p *place[store.Events]) {
	ctx := context.Background()
	must(t, p.cur.Append(ctx, records(1, 1)))
	p.close()
	wantErr(t, "Append", p.cur.Append(ctx, records(2, 1)), store.ErrClosed)
	_, err := p.cur.Last(ctx)
	wantErr(t, "Last", err, store.ErrClosed)
	wantErr(t, "Read", p.cur.Read(ctx, 1, func(store.Record) error { return nil }), store.ErrClosed)
	checkLog(t, p.reopen(), 1, 1)
}
