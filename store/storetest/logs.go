package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestLogs runs the conformance suite of store.Logs. What Log returns is also held to that of
// store.Events.
func TestLogs(t *testing.T, open place.Opener[store.Logs]) {
	place.Run(t, open, []place.Row[store.Logs]{
		{Name: "logs are apart", Run: logsApart},
		{Name: "heads", Run: logsHeads},
		{Name: "two writers of one log", Run: logsFenced},
		{Name: "checkpoints", Run: logsCheckpoints},
		{Name: "one of two checkpoints", Run: logsCheckpointRace},
		{Name: "signatures of others", Run: logsSigned},
		{Name: "what is old is cut off", Run: logsCut},
		{Name: "old checkpoints are cut off", Run: logsCutCheckpoints},
		{Name: "a cut beside a writer", Run: logsCutBesideWriter},
		{Name: "cancelled and closed", Run: logsEnd},
	})
}

func logsApart(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	for i, name := range place.Odd {
		place.Must(t, p.Store.Log(name).Append(ctx, records(1, i+1)))
	}
	s := p.Reopen()
	for i, name := range place.Odd {
		checkLog(t, s.Log(name), 1, store.Seq(i+1))
	}
	_, err := s.Log("another").Last(ctx)
	place.WantErr(t, "Last of a log that nobody wrote", err, store.ErrNotFound)
}

func logsHeads(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	heads, err := p.Store.Heads(ctx)
	place.Must(t, err)
	if len(heads) != 0 {
		t.Errorf("heads of nothing: %v", heads)
	}
	names := slices.Sorted(slices.Values(place.Odd))
	for i, name := range names {
		place.Must(t, p.Store.Log(name).Append(ctx, records(1, 600*(i%2)+i+1)))
	}
	heads, err = p.Another().Heads(ctx)
	place.Must(t, err)
	if len(heads) != len(names) {
		t.Fatalf("%d heads, want %d", len(heads), len(names))
	}
	for i, h := range heads {
		seq := store.Seq(600*(i%2) + i + 1)
		if h.Log != names[i] || h.Record.Seq != seq || !bytes.Equal(h.Record.Body, body(seq)) {
			t.Errorf("head %d is %q %d %q, want %q %d", i, h.Log, h.Record.Seq, h.Record.Body, names[i], seq)
		}
	}
}

func logsFenced(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	one, two := p.Store.Log("gate-a"), p.Another().Log("gate-a")
	place.Must(t, one.Append(ctx, records(1, 3)))
	place.Must(t, two.Append(ctx, records(4, 1)))
	place.WantErr(t, "Append of the first writer", one.Append(ctx, records(4, 2)), store.ErrStale)
	checkLog(t, one, 1, 4)
}

func notes(t *testing.T, s store.Logs, from uint64) (got []string) {
	t.Helper()
	place.Must(t, s.Checkpoints(context.Background(), from, func(n uint64, note []byte) error {
		got = append(got, fmt.Sprintf("%d %s", n, note))
		return nil
	}))
	return got
}

func logsCheckpoints(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	place.WantErr(t, "a checkpoint too far", p.Store.AppendCheckpoint(ctx, 2, []byte("b")), store.ErrStale)
	for n := uint64(1); n <= 3; n++ {
		place.Must(t, p.Store.AppendCheckpoint(ctx, n, fmt.Appendf(nil, "note\n%d", n)))
		place.WantErr(t, "a checkpoint again", p.Store.AppendCheckpoint(ctx, n, []byte("x")), store.ErrStale)
	}
	s := p.Reopen()
	for from, want := range map[uint64][]string{0: {"1 note\n1", "2 note\n2", "3 note\n3"},
		2: {"2 note\n2", "3 note\n3"}, 4: nil} {
		if got := notes(t, s, from); !slices.Equal(got, want) {
			t.Errorf("checkpoints from %d: %q, want %q", from, got, want)
		}
	}
	stop := errors.New("enough")
	place.WantErr(t, "Checkpoints", s.Checkpoints(ctx, 1, func(uint64, []byte) error { return stop }), stop)
}

func logsCheckpointRace(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	places := []store.Logs{p.Store, p.Another()}
	const each = 10
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			n := uint64(1)
			for done := 0; done < each; n++ {
				err := places[w%2].AppendCheckpoint(ctx, n, []byte("x"))
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
	if got := notes(t, p.Store, 1); len(got) != 4*each {
		t.Errorf("%d checkpoints, want %d", len(got), 4*each)
	}
}

// logsSigned has others add their signatures, in whatever order.
func logsSigned(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	_, _, err := p.Store.Newest(ctx)
	place.WantErr(t, "Newest of nothing", err, store.ErrNotFound)
	place.WantErr(t, "a signature under nothing", p.Store.Sign(ctx, 1, []byte("b\n")), store.ErrNotFound)
	for n := uint64(1); n <= 2; n++ {
		place.Must(t, p.Store.AppendCheckpoint(ctx, n, []byte("note\n")))
	}
	for _, line := range []string{"c\n", "b\n", "c\n"} {
		place.Must(t, p.Another().Sign(ctx, 1, []byte(line)))
	}
	place.Must(t, p.Store.Sign(ctx, 2, []byte("\x00\xff\n")))
	n, newest, err := p.Another().Newest(ctx)
	if err != nil || n != 2 || string(newest) != "note\n\x00\xff\n" {
		t.Errorf("newest checkpoint %d %q, %v", n, newest, err)
	}
	if got, want := notes(t, p.Reopen(), 1), []string{"1 note\nb\nc\n", "2 note\n\x00\xff\n"}; !slices.Equal(got, want) {
		t.Errorf("checkpoints: %q, want %q", got, want)
	}
	place.WantErr(t, "Sign", p.Store.Sign(place.Cancelled(), 1, []byte("x\n")), context.Canceled)
}

// many is more records than a store forgets at once.
const many = 6000

// begins fails if a log does not begin with that record.
func begins(t *testing.T, s store.Logs, log string, seq store.Seq) {
	t.Helper()
	enough := errors.New("enough")
	err := s.Log(log).Read(context.Background(), 1, func(r store.Record) error {
		if r.Seq != seq {
			t.Errorf("log %s begins with %d, want %d", log, r.Seq, seq)
		}
		return enough
	})
	place.WantErr(t, "Read of "+log, err, enough)
}

// logsCut: what stays is what it was and goes on, and other logs, of names that begin alike, stay whole.
func logsCut(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	place.Must(t, p.Store.Log("gate-a").Append(ctx, records(1, many)))
	for _, name := range []string{"gate-aa", "gate"} {
		place.Must(t, p.Store.Log(name).Append(ctx, records(1, 9)))
	}
	for _, tt := range []struct {
		name string
		log  string
		seq  store.Seq
		n    int
		want error
	}{
		{"before the first", "gate-a", 1, 0, nil}, {"a record that is not there", "gate-a", many + 1, 0, store.ErrNotFound},
		{"no record", "gate-a", 0, 0, store.ErrNotFound}, {"no log", "gate-b", 1, 0, store.ErrNotFound},
		{"most of it", "gate-a", many - 500, many - 501, nil}, {"again", "gate-a", many - 500, 0, nil},
		{"what is gone already", "gate-a", 7, 0, store.ErrNotFound}, {"all but the last", "gate-a", many, 500, nil},
	} {
		n, err := p.Another().Cut(ctx, tt.log, tt.seq)
		if n != tt.n || !errors.Is(err, tt.want) {
			t.Errorf("%s: cut %d, %v; want %d, %v", tt.name, n, err, tt.n, tt.want)
		}
	}
	s := p.Reopen()
	begins(t, s, "gate-a", many)
	stale(t, s.Log("gate-a"), records(1, 1), records(1, 3), records(9, 1), records(many-1, 1), records(many, 1), records(many-1, 4))
	place.Must(t, s.Log("gate-a").Append(ctx, records(many+1, 2)))
	checkLog(t, s.Log("gate-a"), many, many+2)
	checkLog(t, s.Log("gate-aa"), 1, 9)
	checkLog(t, s.Log("gate"), 1, 9)
	heads, err := s.Heads(ctx)
	if err != nil || len(heads) != 3 || heads[1].Record.Seq != many+2 {
		t.Errorf("%d heads, %v", len(heads), err)
	}
}

// stale holds a log against groups that are not the next one, each also as one that does not wait for the disk.
func stale(t *testing.T, log store.Events, groups ...[]store.Record) {
	t.Helper()
	for _, recs := range groups {
		name := fmt.Sprintf("%d records from %d on", len(recs), recs[0].Seq)
		place.WantErr(t, name, log.Append(context.Background(), recs), store.ErrStale)
		if l, ok := log.(store.Lazy); ok {
			place.WantErr(t, name+", lazily", l.AppendLazily(context.Background(), recs), store.ErrStale)
		}
	}
}

func logsCutCheckpoints(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	_, err := p.Store.CutCheckpoints(ctx, 1)
	place.WantErr(t, "cut of nothing", err, store.ErrNotFound)
	for n := uint64(1); n <= 5; n++ {
		place.Must(t, p.Store.AppendCheckpoint(ctx, n, fmt.Appendf(nil, "note%d\n", n)))
		place.Must(t, p.Store.Sign(ctx, n, []byte("b\n")))
	}
	n, err := p.Another().CutCheckpoints(ctx, 4)
	if n != 3 || err != nil {
		t.Errorf("cut %d, %v", n, err)
	}
	_, err = p.Store.CutCheckpoints(ctx, 6)
	place.WantErr(t, "cut up to what is not there", err, store.ErrNotFound)
	place.WantErr(t, "a signature under what is gone", p.Store.Sign(ctx, 3, []byte("c\n")), store.ErrNotFound)
	s := p.Reopen()
	place.WantErr(t, "a checkpoint from the beginning", s.AppendCheckpoint(ctx, 1, []byte("x")), store.ErrStale)
	place.Must(t, s.AppendCheckpoint(ctx, 6, []byte("note6\n")))
	if got, want := notes(t, s, 1), []string{"4 note4\nb\n", "5 note5\nb\n", "6 note6\n"}; !slices.Equal(got, want) {
		t.Errorf("checkpoints: %q, want %q", got, want)
	}
}

// logsCutBesideWriter: whoever appends meanwhile is neither fenced off nor loses a record.
func logsCutBesideWriter(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	log := p.Store.Log("gate-a")
	place.Must(t, log.Append(ctx, records(1, 10)))
	var all sync.WaitGroup
	all.Go(func() {
		for seq := store.Seq(11); seq <= 60; seq++ {
			if err := log.Append(ctx, records(seq, 1)); err != nil {
				t.Errorf("append %d: %v", seq, err)
				return
			}
		}
	})
	for seq := store.Seq(2); seq <= 10; seq++ {
		if n, err := p.Another().Cut(ctx, "gate-a", seq); n != 1 || err != nil {
			t.Errorf("cut before %d: %d, %v", seq, n, err)
		}
	}
	all.Wait()
	begins(t, p.Store, "gate-a", 10)
	checkLog(t, log, 10, 60)
}

func logsEnd(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	place.WantErr(t, "AppendCheckpoint", p.Store.AppendCheckpoint(place.Cancelled(), 1, []byte("x")), context.Canceled)
	_, err := p.Store.Heads(place.Cancelled())
	place.WantErr(t, "Heads", err, context.Canceled)
	_, err = p.Store.Cut(place.Cancelled(), "gate-a", 1)
	place.WantErr(t, "Cut", err, context.Canceled)
	place.Must(t, p.Store.AppendCheckpoint(ctx, 1, []byte("x")))
	p.Close()
	_, err = p.Store.Heads(ctx)
	place.WantErr(t, "Heads", err, store.ErrClosed)
	_, err = p.Store.CutCheckpoints(ctx, 1)
	place.WantErr(t, "CutCheckpoints", err, store.ErrClosed)
	place.WantErr(t, "AppendCheckpoint", p.Store.AppendCheckpoint(ctx, 2, []byte("x")), store.ErrClosed)
}
