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
)

// TestLogs runs the conformance suite of store.Logs. What Log returns is also held to that of
// store.Events.
func TestLogs(t *testing.T, open Opener[store.Logs]) {
	rows(t, open, []row[store.Logs]{
		{"logs are apart", logsApart},
		{"heads", logsHeads},
		{"two writers of one log", logsFenced},
		{"checkpoints", logsCheckpoints},
		{"one of two checkpoints", logsCheckpointRace},
		{"cancelled and closed", logsEnd},
	})
}

func logsApart(t *testing.T, p *place[store.Logs]) {
	ctx := context.Background()
	for i, name := range odd {
		must(t, p.cur.Log(name).Append(ctx, records(1, i+1)))
	}
	s := p.reopen()
	for i, name := range odd {
		checkLog(t, s.Log(name), 1, store.Seq(i+1))
	}
	_, err := s.Log("another").Last(ctx)
	wantErr(t, "Last of a log that nobody wrote", err, store.ErrNotFound)
}

func logsHeads(t *testing.T, p *place[store.Logs]) {
	ctx := context.Background()
	heads, err := p.cur.Heads(ctx)
	must(t, err)
	if len(heads) != 0 {
		t.Errorf("heads of nothing: %v", heads)
	}
	names := slices.Sorted(slices.Values(odd))
	for i, name := range names {
		must(t, p.cur.Log(name).Append(ctx, records(1, 600*(i%2)+i+1)))
	}
	heads, err = p.another().Heads(ctx)
	must(t, err)
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

func logsFenced(t *testing.T, p *place[store.Logs]) {
	ctx := context.Background()
	one, two := p.cur.Log("gate-a"), p.another().Log("gate-a")
	must(t, one.Append(ctx, records(1, 3)))
	must(t, two.Append(ctx, records(4, 1)))
	wantErr(t, "Append of the first writer", one.Append(ctx, records(4, 2)), store.ErrStale)
	checkLog(t, one, 1, 4)
}

func notes(t *testing.T, s store.Logs, from uint64) (got []string) {
	t.Helper()
	must(t, s.Checkpoints(context.Background(), from, func(n uint64, note []byte) error {
		got = append(got, fmt.Sprintf("%d %s", n, note))
		return nil
	}))
	return got
}

func logsCheckpoints(t *testing.T, p *place[store.Logs]) {
	ctx := context.Background()
	wantErr(t, "a checkpoint too far", p.cur.AppendCheckpoint(ctx, 2, []byte("b")), store.ErrStale)
	for n := uint64(1); n <= 3; n++ {
		must(t, p.cur.AppendCheckpoint(ctx, n, fmt.Appendf(nil, "note\n%d", n)))
		wantErr(t, "a checkpoint again", p.cur.AppendCheckpoint(ctx, n, []byte("x")), store.ErrStale)
	}
	s := p.reopen()
	for from, want := range map[uint64][]string{0: {"1 note\n1", "2 note\n2", "3 note\n3"},
		2: {"2 note\n2", "3 note\n3"}, 4: nil} {
		if got := notes(t, s, from); !slices.Equal(got, want) {
			t.Errorf("checkpoints from %d: %q, want %q", from, got, want)
		}
	}
	stop := errors.New("enough")
	wantErr(t, "Checkpoints", s.Checkpoints(ctx, 1, func(uint64, []byte) error { return stop }), stop)
}

func logsCheckpointRace(t *testing.T, p *place[store.Logs]) {
	ctx := context.Background()
	places := []store.Logs{p.cur, p.another()}
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
	if got := notes(t, p.cur, 1); len(got) != 4*each {
		t.Errorf("%d checkpoints, want %d", len(got), 4*each)
	}
}

func logsEnd(t *testing.T, p *place[store.Logs]) {
	ctx := context.Background()
	wantErr(t, "AppendCheckpoint", p.cur.AppendCheckpoint(cancelled(), 1, []byte("x")), context.Canceled)
	_, err := p.cur.Heads(cancelled())
	wantErr(t, "Heads", err, context.Canceled)
	must(t, p.cur.AppendCheckpoint(ctx, 1, []byte("x")))
	p.close()
	_, err = p.cur.Heads(ctx)
	wantErr(t, "Heads", err, store.ErrClosed)
	wantErr(t, "AppendCheckpoint", p.cur.AppendCheckpoint(ctx, 2, []byte("x")), store.ErrClosed)
}
