package errands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/errands"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Config is what a Source is built from. All fields but Link and Pause are needed.
type Config struct {
	Journal errands.Journal
	Blobs   exchange.Blobs
	// Link returns between whom tasks are kept and carried now, nil if that is nobody any more. Without it there is no
	// Kentico here: what is for others is kept as it came.
	Link func() *tasks.Link
	// Names returns what servers call themselves, for the list of those that have a task.
	Names   func(ctx context.Context, all []sync.ServerID) []string
	Travels func(o sync.Object) bool // whether anybody takes what is handed in
	Owner   string                   // this process among those that share the store
	AtOnce  int                      // deliveries at once
	Now     func() time.Time
	NewID   func() string // of a message
	Pause   func(point string)
}

// Source is safe for concurrent use.
type Source struct {
	cfg    Config
	places chan struct{} // of deliveries
}

var (
	_ source.Recorder = (*Source)(nil)
	_ tasks.Keeper    = (*Source)(nil)
)

// New returns a Source. It opens nothing.
func New(c Config) (*Source, error) {
	if c.Journal == nil || c.Blobs == nil || c.Owner == "" || c.AtOnce <= 0 || c.Now == nil || c.NewID == nil ||
		c.Names == nil || c.Travels == nil {
		return nil, errors.New("errands: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	return &Source{cfg: c, places: make(chan struct{}, c.AtOnce)}, nil
}

// Changes implements source.Source.
func (s *Source) Changes(ctx context.Context, after int64, limit int) ([]source.Row, error) {
	rows, err := s.cfg.Journal.Rows(ctx, after, limit)
	all := make([]source.Row, len(rows))
	for i, r := range rows {
		if err != nil {
			break
		}
		all[i] = rowOf(r)
		if r.Tag == "" {
			all[i].Missed, all[i].Unsure, err = s.missed(ctx, r)
		}
	}
	return all, err
}

func rowOf(r errands.Row) source.Row {
	return source.Row{Seq: r.Seq, Object: r.Object, Tag: r.Tag, Deleted: r.Deleted, Author: r.Author}
}

// First implements source.Recorder.
func (s *Source) First(ctx context.Context, o sync.Object, after int64) (source.Row, error) {
	r, err := s.cfg.Journal.First(ctx, o, after)
	if errors.Is(err, store.ErrNotFound) {
		return source.Row{}, nil
	}
	return rowOf(r), err
}

// deliveries is how many deliveries before an edit are looked at.
const deliveries = 50

// missed returns the oldest delivery of those before an edit that its author had not seen, as far as is known, and
// whether it is unknown which of both the server has.
func (s *Source) missed(ctx context.Context, edit errands.Row) (tag string, unsure bool, err error) {
	before, err := s.cfg.Journal.Last(ctx, edit.Object, edit.Seq, deliveries)
	newest := true
	for _, d := range before {
		switch {
		case d.Tag == "":
			continue
		case d.Open: // it never became a change
		case saw(edit, d):
			return tag, unsure, err
		default:
			tag = d.Tag
		}
		if newest {
			unsure = d.Open || !earlier(edit, d)
		}
		newest = false
	}
	return tag, unsure, err
}

// saw reports whether the author of an edit had a delivery before him.
func saw(edit, d errands.Row) bool {
	switch {
	case edit.Deleted && !d.Deleted:
		return edit.State == d.State || later(edit, d)
	case edit.Deleted == d.Deleted && edit.Content == d.Content:
		return true
	}
	return later(edit, d)
}

// later reports whether an edit was certainly made after a delivery was carried out, by the server's clock.
func later(edit, d errands.Row) bool {
	return !edit.Made.IsZero() && !d.Ended.IsZero() && !edit.Made.Before(d.Ended)
}

// earlier reports whether it was certainly made before.
func earlier(edit, d errands.Row) bool {
	return !edit.Made.IsZero() && !d.Begun.IsZero() && edit.Made.Before(d.Begun)
}

// Content implements source.Source.
func (s *Source) Content(ctx context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	rows, err := s.cfg.Journal.Last(ctx, o, 0, deliveries)
	if err != nil {
		return nil, source.Facts{}, err
	}
	for _, r := range rows {
		if !r.Open {
			return s.open(ctx, r)
		}
	}
	return nil, source.Facts{Deleted: true}, nil
}

// Recorded implements source.Recorder.
func (s *Source) Recorded(ctx context.Context, seq int64) (io.ReadCloser, source.Facts, error) {
	r, err := s.cfg.Journal.Row(ctx, seq)
	if err != nil {
		return nil, source.Facts{}, err
	}
	return s.open(ctx, r)
}

func (s *Source) open(ctx context.Context, r errands.Row) (io.ReadCloser, source.Facts, error) {
	f := source.Facts{Seq: r.Seq, Deleted: r.Deleted, Title: r.Title, Author: r.Author, Needs: r.Needs}
	if r.Deleted {
		return nil, f, nil
	}
	content, _, err := s.cfg.Blobs.Open(ctx, r.Digest)
	if err != nil {
		return nil, f, fmt.Errorf("the document of errand %d: %w", r.Seq, err)
	}
	return content, f, nil
}
