package replica_test

import (
	"context"
	"errors"
	"slices"

	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// passing is the replica of a server as its gate has it: that of the process that runs.
type passing struct{ s *server }

func (p passing) Wanted(ctx context.Context, offered []sync.Offered) ([]sync.Answer, error) {
	return p.s.replica.Wanted(ctx, offered)
}

func (p passing) Receive(ctx context.Context, via sync.ServerID, offered []sync.Offered) []sync.Answer {
	return p.s.replica.Receive(ctx, via, offered)
}

// newGate is the gate of a process.
func (w *world) newGate(s *server) *approval.Gate {
	g, err := approval.New(approval.Config{
		Name: "server", Receiver: passing{s}, Changes: s.book, Approvals: s.book, Blobs: s.book, Now: w.clock(),
		Asks: func(_ sync.ServerID, o sync.Object) bool {
			return w.faults.approve && !w.open && o.Kind() == "page"
		},
		Refuses: func(sync.ServerID, *sync.Change) (sync.Answer, bool) { return sync.Answer{}, false },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// approve has a person look at some of what waits on a server, in any order, or at all of it at the end; before and
// after that process may die.
func (w *world) approve(s *server) {
	if !w.faults.approve {
		return
	}
	all, err := s.gate.List(context.Background(), exchange.Asked)
	if err != nil {
		w.t.Fatal(err)
	}
	w.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, a := range all {
		if !w.quiet && w.rnd.IntN(2) == 0 {
			continue
		}
		s.said[a.Change.ID] = true
		w.approvals++
		w.life(s, func() error {
			_, err := s.gate.Decide(context.Background(), approval.Decision{ID: a.Change.ID})
			if errors.Is(err, approval.ErrNotHeld) { // one before it made it history
				return nil
			}
			return err
		})
	}
	w.life(s, func() error { return s.gate.Release(context.Background(), "") })
}

// unapproved returns a page of another server that the engine was given although nobody had approved it.
func (w *world) unapproved(s *server) string {
	if !w.faults.approve {
		return ""
	}
	for _, row := range s.engine.journal {
		id, err := sync.ParseID(row.Tag)
		if err != nil || row.Object.Kind() != "page" || s.said[id] {
			continue
		}
		if e, err := s.book.Change(context.Background(), id); err == nil && e.Via != "" {
			return row.Tag
		}
	}
	return ""
}

// known reports whether all that is held is known too: it is forgotten with the next look.
func (w *world) known(s *server, all []exchange.Approval) bool {
	var ids []sync.ID
	for _, a := range all {
		ids = append(ids, a.Change.ID)
	}
	known, err := s.book.Known(context.Background(), ids)
	return err == nil && !slices.Contains(known, false)
}
