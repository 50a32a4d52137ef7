package exchange_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// silent is an engine that takes a question and never answers it.
type silent struct{ source.Source }

func (silent) Changes(ctx context.Context, _ int64, _ int) ([]source.Row, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// unread is a book whose targets cannot be read for a while.
type unread struct {
	*exchangetest.Memory
	now atomic.Bool
}

func (u *unread) Targets(ctx context.Context, ids ...sync.ServerID) ([]stored.Target, error) {
	if u.now.Load() {
		return nil, errors.New("the disk is away")
	}
	return u.Memory.Targets(ctx, ids...)
}

// TestFiguresOfNowWhateverTheEngineDoes: what an engine that hangs keeps from being sent is seen, and old figures
// are none.
func TestFiguresOfNowWhateverTheEngineDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &unread{Memory: exchangetest.NewMemory(time.Now)}
		log := logrus.New()
		log.SetOutput(io.Discard)
		x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: silent{}, Book: book, Blobs: book, Nonces: nonces{},
			Peers:    []exchange.Peer{{Peer: inbox.Peer{ID: serverOf(2), Kinds: []string{"article"}}}},
			Interval: time.Second, Log: logrus.NewEntry(log), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		wait := func() {
			<-time.After(6 * time.Second)
			synctest.Wait()
		}
		wait()
		if f, counted := x.Figures(); !counted || len(f.Servers) != 0 {
			t.Fatalf("%+v, counted %v", f, counted)
		}
		if _, err := book.Greet(ctx, stored.Server{ID: serverOf(2), Name: "test"}); err != nil {
			t.Fatal(err)
		}
		wait()
		if f, counted := x.Figures(); !counted || len(f.Servers) != 1 {
			t.Errorf("%+v, counted %v: they are old", f, counted)
		}
		book.now.Store(true)
		wait()
		if f, counted := x.Figures(); counted {
			t.Errorf("%+v are figures of a book that nobody can read", f)
		}
		book.now.Store(false)
		wait()
		if _, counted := x.Figures(); !counted {
			t.Error("nothing is counted once the book can be read again")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
