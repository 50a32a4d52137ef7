package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// readTogether is how many objects the engine is asked about at once.
const readTogether = 50

// edited is what the engine has of an object now, which may be newer than a row.
type edited struct {
	change *sync.Change
	seq    int64
	small  []byte // its content, if that is not kept yet
}

// contents reads what the engine has now of several, and keeps the small contents with one write.
func (r *Replica) contents(ctx context.Context, b *batch, written []sync.State, newest map[sync.Object]source.Row) error {
	found := make([]edited, len(written))
	var all errgroup.Group
	all.SetLimit(max(1, r.cfg.Workers))
	for from := 0; from < len(written); from += readTogether {
		part := written[from:min(from+readTogether, len(written))]
		all.Go(func() error { return r.some(ctx, part, newest, found[from:]) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	var small [][]byte
	for i, f := range found {
		if b.now[written[i].Object] = f; f.small != nil {
			small = append(small, f.small)
		}
	}
	return r.cfg.Blobs.PutAll(ctx, small...)
}

// some reads a few: with one question, and of those that it did not answer with one each.
func (r *Replica) some(ctx context.Context, written []sync.State, newest map[sync.Object]source.Row, found []edited) error {
	read := r.ask(ctx, written)
	for i, s := range written {
		row := newest[s.Object]
		if read != nil && !read[i].Large {
			found[i] = inline(s, row, read[i].Facts, read[i].Content)
			continue
		}
		var err error
		if found[i], err = r.edited(ctx, s, row); err != nil {
			return fmt.Errorf("row %d of the engine's journal: %w", row.Seq, err)
		}
	}
	return nil
}

// ask has the engine say what it has of several, and returns nil if it must be asked about each: it takes no
// such question, or fails with one of them.
func (r *Replica) ask(ctx context.Context, written []sync.State) []source.Read {
	reader, able := r.cfg.Source.(source.Reader)
	if !able || r.reads.Load() || len(written) < 2 {
		return nil
	}
	objects := make([]sync.Object, len(written))
	for i, s := range written {
		objects[i] = s.Object
	}
	read, err := reader.Contents(ctx, objects, sync.MaxInline)
	if errors.Is(err, source.ErrSingly) {
		r.reads.Store(true)
	}
	if err != nil {
		return nil
	}
	return read
}

// inline makes a change, which nobody is the author of yet, of what the engine says.
func inline(s sync.State, row source.Row, f source.Facts, content []byte) edited {
	e := edited{seq: f.Seq, change: &sync.Change{Object: row.Object, Op: sync.Delete, Author: sync.Line(row.Author),
		Title: sync.Line(f.Title)}}
	c := e.change
	if f.Deleted {
		if shown := s.Show(); shown != nil && c.Title == "" {
			c.Title = shown.Title
		}
		return e
	}
	e.small = append([]byte{}, content...) // an empty one is one too
	c.Op, c.Needs, c.Payload, c.Size = sync.Put, f.Needs, sync.DigestOf(content), int64(len(content))
	return e
}

func (r *Replica) edited(ctx context.Context, s sync.State, row source.Row) (e edited, err error) {
	content, f, err := r.content(ctx, row)
	if err != nil {
		return e, err
	}
	if f.Deleted {
		return inline(s, row, f, nil), nil
	}
	head, err := io.ReadAll(io.LimitReader(content, sync.MaxInline+1))
	if err != nil {
		return e, errors.Join(err, content.Close())
	}
	e = inline(s, row, f, head)
	if len(head) <= sync.MaxInline {
		return e, content.Close()
	}
	e.small = nil
	e.change.Payload, e.change.Size, err = r.keep(ctx, behind{io.MultiReader(bytes.NewReader(head), content), content})
	return e, err
}

// content is what the engine has of the object of a row: what the row says, if it keeps that.
func (r *Replica) content(ctx context.Context, row source.Row) (io.ReadCloser, source.Facts, error) {
	if recorder, able := r.cfg.Source.(source.Recorder); able {
		return recorder.Recorded(ctx, row.Seq)
	}
	return r.cfg.Source.Content(ctx, row.Object)
}

// behind reads what was read already once more, and then the rest.
type behind struct {
	io.Reader
	io.Closer
}
