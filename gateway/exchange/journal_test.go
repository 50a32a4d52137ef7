package exchange_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// written is an engine with one object of each row.
type written struct {
	source.Source
	rows []source.Row
}

func (w written) Changes(_ context.Context, after int64, _ int) (all []source.Row, err error) {
	return w.rows[min(after, int64(len(w.rows))):], nil
}

func (w written) Content(_ context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	for _, row := range w.rows {
		if row.Object == o {
			return io.NopCloser(bytes.NewReader([]byte(o))), source.Facts{Seq: row.Seq}, nil
		}
	}
	return nil, source.Facts{Deleted: true}, nil
}

// TestAKindThatIsAddedLaterTravels: what was written before is compared with what others send, and sent.
func TestAKindThatIsAddedLaterTravels(t *testing.T) {
	engine := written{rows: []source.Row{{Seq: 1, Object: "s/page/p"}, {Seq: 2, Object: "s/article/a"}}}
	synctest.Test(t, func(t *testing.T) {
		book := exchangetest.NewMemory(time.Now)
		log := logrus.New()
		log.SetOutput(io.Discard)
		read := func(kinds ...string) {
			x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: engine, Book: book, Blobs: book,
				Nonces: nonces{}, Peers: []exchange.Peer{{Peer: inbox.Peer{ID: serverOf(2), Sends: true, Kinds: kinds}}},
				Interval: time.Second, Log: logrus.NewEntry(log), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- x.Run(ctx) }()
			synctest.Wait()
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		seq := func(o sync.Object) int64 {
			s, err := book.Object(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			return s.Seq
		}
		read("article")
		if seq("s/article/a") != 2 || seq("s/page/p") != 0 {
			t.Fatalf("article at %d, page at %d", seq("s/article/a"), seq("s/page/p"))
		}
		read("page", "article")
		read("article", "page")
		if seq("s/page/p") != 1 {
			t.Errorf("the page of a kind that was added is at %d", seq("s/page/p"))
		}
		if have, err := book.Have(t.Context()); err != nil || have[serverOf(1)] != 2 {
			t.Errorf("made %v, %v, want one change of each object", have, err)
		}
	})
}

// TestWhatIsAcceptedTogetherIsToldAtOnce: one after the other would wait as often for the log that it is written to.
func TestWhatIsAcceptedTogetherIsToldAtOnce(t *testing.T) {
	const many = 20
	engine := written{}
	for n := range int64(many) {
		engine.rows = append(engine.rows, source.Row{Seq: n + 1, Object: sync.Object(fmt.Sprint("s/article/", n))})
	}
	synctest.Test(t, func(t *testing.T) {
		book, release := exchangetest.NewMemory(time.Now), make(chan struct{})
		log := logrus.New()
		log.SetOutput(io.Discard)
		var told atomic.Int64
		x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: engine, Book: book, Blobs: book, Nonces: nonces{},
			Peers:    []exchange.Peer{{Peer: inbox.Peer{ID: serverOf(2), Sends: true, Kinds: []string{"article"}}}},
			Interval: time.Second, Log: logrus.NewEntry(log), Now: time.Now,
			Noted: func(replica.Note) {
				told.Add(1)
				<-release
			}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		synctest.Wait()
		if n := told.Load(); n != many {
			t.Errorf("%d are told while the first is written, want %d", n, many)
		}
		close(release)
		synctest.Wait()
		if n := told.Load(); n != many {
			t.Errorf("%d were told, want %d", n, many)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
