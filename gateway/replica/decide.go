package replica

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Errors of a decision. ErrElsewhere names the place in its text.
var (
	ErrNoConflict = errors.New("there is nothing to decide about the object")
	ErrElsewhere  = errors.New("the conflict is decided elsewhere")
	ErrNoVersion  = errors.New("no version of the object is that server's")
	ErrOther      = errors.New("another gateway of this server reads the engine's journal: decide on that one")
)

// Decision is what a person decided about a conflict: exactly one of Take, Both and Content.
type Decision struct {
	Take    sync.ServerID // the version that was made on that server
	Both    bool          // what is shown stays, every other version becomes an object of its own
	Content []byte        // a text of its own
	Here    bool          // although the object came from elsewhere
	Author  string
}

// Decide carries out a decision and returns the change that it is. It returns ErrElsewhere on a server
// on which the object was not made: where everybody decides at once, decisions collide.
// ErrOther is returned on a gateway that does not read the journal.
// source.ErrMoved means that somebody edited the object meanwhile: look again.
func (r *Replica) Decide(ctx context.Context, o sync.Object, d Decision) (*sync.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, mine := r.cfg.Fence(); !mine {
		return nil, ErrOther
	}
	if _, err := r.pull(ctx); err != nil {
		return nil, err
	}
	s, err := r.cfg.Changes.Object(ctx, o)
	if err != nil {
		return nil, err
	}
	switch {
	case !s.Conflict():
		return nil, fmt.Errorf("%s: %w", o, ErrNoConflict)
	case s.First.Origin != r.self && !d.Here:
		return nil, fmt.Errorf("%s: %w: on the server %s", o, ErrElsewhere, s.First.Origin)
	}
	c, err := r.decision(ctx, s, d)
	if err != nil {
		return nil, err
	}
	have, err := r.cfg.Changes.Have(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range s.Versions {
		c.Resolves = append(c.Resolves, v.ID)
	}
	r.on(c, s, have[r.self]+1, s.Versions)
	return c, r.resolve(ctx, s, c)
}

// decision is the change without its place among the others.
func (r *Replica) decision(ctx context.Context, s sync.State, d Decision) (*sync.Change, error) {
	c := &sync.Change{Object: s.Object, Op: sync.Put, Author: sync.Line(d.Author)}
	shown := front(s)
	switch {
	case d.Both:
		if err := r.copies(ctx, s, d.Author); err != nil {
			return nil, err
		}
	case d.Content != nil:
		var err error
		c.Title, c.Needs = shown.Title, shown.Needs
		c.Payload, c.Size, err = r.keep(ctx, io.NopCloser(bytes.NewReader(d.Content)))
		return c, err
	default:
		shown = nil
		for _, v := range s.Versions {
			if v.ID.Origin == d.Take {
				shown = v
			}
		}
		if shown == nil {
			return nil, fmt.Errorf("%s: %w: %s", s.Object, ErrNoVersion, d.Take)
		}
	}
	c.Op, c.Payload, c.Size, c.Title, c.Needs = shown.Op, shown.Payload, shown.Size, shown.Title, shown.Needs
	_, err := r.has(ctx, c)
	return c, err
}

// front is the version that is shown, or the first where nobody knows that.
func front(s sync.State) *sync.Change {
	if shown := s.Show(); shown != nil {
		return shown
	}
	return s.Versions[0]
}

// copies makes an object of its own of every version that is not shown, as a person would.
func (r *Replica) copies(ctx context.Context, s sync.State, author string) error {
	n, seen := 1, map[sync.Content]bool{front(s).Content(): true}
	for _, v := range s.Versions {
		if seen[v.Content()] || v.Op == sync.Delete {
			continue
		}
		seen[v.Content()] = true
		n++
		content, _, err := r.cfg.Blobs.Open(ctx, v.Payload)
		if err != nil {
			return err
		}
		f := source.Facts{Title: v.Title, Author: author, Needs: v.Needs, Rename: fmt.Sprintf("%s (%d)", v.Title, n)}
		_, err = r.cfg.Source.Apply(ctx, twin(s.Object, v.ID), 0, "", f, content)
		if err = errors.Join(ignoreMoved(err), content.Close()); err != nil {
			return err
		}
	}
	return nil
}

// ignoreMoved takes a copy that is there already for made: a decision may be carried out again.
func ignoreMoved(err error) error {
	if errors.Is(err, source.ErrMoved) {
		return nil
	}
	return err
}

// twin names the copy of a version, the same each time.
func twin(o sync.Object, id sync.ID) sync.Object {
	site, kind, _ := o.Parts()
	sum := sha256.Sum256([]byte(string(o) + "\n" + id.String()))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return sync.Object(fmt.Sprintf("%s/%s/%x-%x-%x-%x-%x", site, kind, b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

// resolve has the engine show what was decided and keeps it.
func (r *Replica) resolve(ctx context.Context, s sync.State, c *sync.Change) error {
	return r.carry(ctx, s, decided(s, c), sync.Intent{Object: s.Object, Change: c})
}

// decided is what a decision makes of s.
func decided(s sync.State, c *sync.Change) sync.Outcome {
	out := sync.Edit(s, c, s.Seq)
	if shown := s.Show(); shown == nil || shown.Content() != c.Content() {
		out.Show = c
	}
	return out
}
