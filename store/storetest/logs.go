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

func logsEnd(t *testing.T, p *place.Place[store.Logs]) {
	ctx := context.Background()
	place.WantErr(t, "AppendCheckpoint", p.Store.AppendCheckpoint(place.Cancelled(), 1, []byte("x")), context.Canceled)
	_, err := p.Store.Heads(place.Cancelled())
	place.WantErr(t, "Heads", err, context.Canceled)
	place.Must(t, p.Store.AppendCheckpoint(ctx, 1, []byte("x")))
	p.Close()
	_, err = p.Store.Heads(ctx)
	place.WantErr(t, "Heads", err, store.ErrClosed)
	place.WantErr(t, "AppendCheckpoint", p.Store.AppendCheckpoint(ctx, 2, []byte("x")), store.ErrClosed)
}
