package errands

import (
	"context"
	"io"
	"strings"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver/subject"
)

// Split is a server with an engine of its own among Kenticos: it keeps what they say to each other as it came, for
// those behind it, and its engine never hears of it.
type Split struct {
	Engine  source.Source
	Errands *Source // of a server without a Kentico
}

var (
	_ source.Batch  = Split{}
	_ source.Reader = Split{}
)

func ours(o sync.Object) bool { return strings.HasPrefix(o.Kind(), subject.Prefix) }

// Changes implements source.Source. Nobody edits here what the engine does not know.
func (s Split) Changes(ctx context.Context, after int64, limit int) ([]source.Row, error) {
	return s.Engine.Changes(ctx, after, limit)
}

// Content implements source.Source.
func (s Split) Content(ctx context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	if ours(o) {
		return s.Errands.Content(ctx, o)
	}
	return s.Engine.Content(ctx, o)
}

// Apply implements source.Source.
func (s Split) Apply(
	ctx context.Context, o sync.Object, expect int64, tag string, f source.Facts, content io.Reader,
) (int64, error) {
	if ours(o) {
		return s.Errands.Apply(ctx, o, expect, tag, f, content)
	}
	return s.Engine.Apply(ctx, o, expect, tag, f, content)
}

// ApplyAll implements source.Batch, where the engine does and is meant alone.
func (s Split) ApplyAll(ctx context.Context, all []source.Application) ([]source.Applied, error) {
	engine, able := s.Engine.(source.Batch)
	for _, a := range all {
		able = able && !ours(a.Object)
	}
	if !able {
		return s.singly(ctx, all)
	}
	return engine.ApplyAll(ctx, all)
}

// singly carries out one after the other. An error of which nobody knows what it means is one of all.
func (s Split) singly(ctx context.Context, all []source.Application) ([]source.Applied, error) {
	done := make([]source.Applied, len(all))
	for i, a := range all {
		seq, err := s.Apply(ctx, a.Object, a.Expect, a.Tag, a.Facts, strings.NewReader(string(a.Content)))
		if err != nil && !source.Unchanged(err) {
			return nil, err
		}
		done[i] = source.Applied{Seq: seq, Err: err}
	}
	return done, nil
}

// Contents implements source.Reader, where the engine does: the rows are its own.
func (s Split) Contents(ctx context.Context, all []sync.Object, most int) ([]source.Read, error) {
	engine, able := s.Engine.(source.Reader)
	for _, o := range all {
		able = able && !ours(o)
	}
	if !able {
		return nil, source.ErrSingly
	}
	return engine.Contents(ctx, all, most)
}
