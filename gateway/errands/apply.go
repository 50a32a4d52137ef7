package errands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/errands"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/subject"
)

const (
	// deliverTime is how long the server may take: who sent the change waits for two minutes.
	deliverTime = 100 * time.Second
	// patience is how long another gateway may be at a delivery before it counts as dead.
	patience = deliverTime + 20*time.Second
	// maxServers is how many names a task carries beside the gateway's.
	maxServers = 60
)

// delivery is one Apply on its way.
type delivery struct {
	at   time.Time   // when it was begun, by the gateway's clock
	link *tasks.Link // nil: nobody is behind the gateway
	task syncserver.Task
	row  errands.Row
	told bool // the server has it already: it is only written down
}

// Apply implements source.Source. Expect is held against the journal alone: a Kentico cannot compare. A delivery of
// which nobody knows stays open, and a repeat with its tag is sent once more.
func (s *Source) Apply(
	ctx context.Context, o sync.Object, expect int64, tag string, f source.Facts, content io.Reader,
) (int64, error) {
	select {
	case s.places <- struct{}{}: // before it is read: a task is held in memory as a whole
		defer func() { <-s.places }()
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", source.ErrUntouched, context.Cause(ctx))
	}
	d, err := s.prepare(ctx, o, tag, f, content)
	if err != nil {
		return 0, err
	}
	d.at = s.cfg.Now() // before the store's clock says so: nobody takes it over while its time is not over
	seq, done, err := s.cfg.Journal.Begin(ctx, d.row, expect, s.cfg.Owner, patience)
	if errors.Is(err, errands.ErrMoved) {
		return 0, fmt.Errorf("%w: %w", source.ErrMoved, err)
	}
	if errors.Is(err, errands.ErrUnderWay) {
		return 0, fmt.Errorf("%w: %w", source.ErrUnderWay, err)
	}
	if err != nil || done {
		return seq, err
	}
	s.cfg.Pause("delivery opened")
	ctx = context.WithoutCancel(ctx) // what was sent is not cut off by who waits for it
	begun, ended, err := s.carry(ctx, d, f.Servers)
	if source.Unchanged(err) {
		if undo := s.cfg.Journal.Undo(ctx, seq, s.cfg.Owner); undo != nil {
			return 0, fmt.Errorf("%s; the journal does not say so: %w", err.Error(), undo)
		}
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	s.cfg.Pause("delivery carried out")
	return s.cfg.Journal.Carried(ctx, seq, s.cfg.Owner, begun, ended)
}

func invalid(format string, args ...any) error {
	return &source.Invalid{Text: fmt.Sprintf(format, args...)}
}

// prepare reads what is to be carried, and judges it as what is handed in: a neighbour is trusted no more.
func (s *Source) prepare(
	ctx context.Context, o sync.Object, tag string, f source.Facts, content io.Reader,
) (d delivery, err error) {
	if s.cfg.Link != nil {
		if d.link, err = s.link(); err != nil {
			return d, err
		}
	}
	d.row = errands.Row{Object: o, Tag: tag, Deleted: f.Deleted, Title: f.Title, Author: f.Author, Needs: f.Needs}
	switch {
	case f.Rename != "" || tag == "":
		return d, invalid("a Kentico cannot be given one object as two: take one of the versions")
	case f.Deleted:
		return d, s.deletion(ctx, &d)
	}
	limit := syncserver.DefaultLimits().Bytes
	document, err := io.ReadAll(io.LimitReader(content, limit+1))
	if err != nil {
		return d, fmt.Errorf("%w: %w", source.ErrUntouched, err)
	}
	if int64(len(document)) > limit {
		return d, invalid("a task of more than %d bytes", limit)
	}
	d.row.Digest, d.row.Size = sync.DigestOf(document), int64(len(document))
	if d.link == nil {
		return d, nil
	}
	d.task, err = d.link.Peer.Read(string(document))
	if err != nil {
		return d, refused(err)
	}
	return d, d.describe()
}

// link is between whom tasks are kept and carried now.
func (s *Source) link() (*tasks.Link, error) {
	if l := s.cfg.Link(); l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("%w: the configuration has no experimental_store_and_forward any more; restart the gateway",
		source.ErrUntouched)
}

// refused is what a rule of the wire found.
func refused(err error) error {
	var r *refusal.Error
	if errors.As(err, &r) {
		return invalid("%s", r.Why)
	}
	return err
}

// describe holds a task against the object that it is said to be of: who may change that may not change another.
func (d *delivery) describe() error {
	about, err := subject.Of(d.task)
	if err != nil {
		return refused(err)
	}
	if about.Object != d.row.Object || about.Deleted != d.row.Deleted {
		return invalid("the task is about %s", about.Object)
	}
	d.row.Content, d.row.State = about.Content, about.State
	return nil
}

// deletion makes the task that deletes an object out of what was last put: a change that deletes carries none.
func (s *Source) deletion(ctx context.Context, d *delivery) error {
	if d.link == nil {
		return nil
	}
	last, err := s.cfg.Journal.Last(ctx, d.row.Object, 0, 1)
	if err != nil {
		return fmt.Errorf("%w: %w", source.ErrUntouched, err)
	}
	if d.told = len(last) > 0 && last[0].Deleted && !last[0].Open; d.told {
		return nil
	}
	put, err := s.cfg.Journal.Put(ctx, d.row.Object)
	if errors.Is(err, store.ErrNotFound) {
		return invalid("no task of the object came through this gateway, so what deletes it is not known: delete it by hand")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", source.ErrUntouched, err)
	}
	task, err := s.read(ctx, d.link, put.Digest)
	if err != nil {
		return err
	}
	gone, ok := subject.Deletion(task)
	if !ok {
		return invalid("what deletes an object that came as a task %s is not known: delete it by hand", task.Type)
	}
	// Judged once more: it is another type of task.
	if d.task, err = d.link.Peer.Read(gone.Document(d.link.Peer.Assembly)); err != nil {
		return refused(err)
	}
	return d.describe()
}

func (s *Source) read(ctx context.Context, link *tasks.Link, digest sync.Digest) (t syncserver.Task, err error) {
	content, _, err := s.cfg.Blobs.Open(ctx, digest)
	if err != nil {
		return t, fmt.Errorf("%w: %w", source.ErrUntouched, err)
	}
	document, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return t, fmt.Errorf("%w: %w", source.ErrUntouched, err)
	}
	if t, err = link.Peer.Read(string(document)); err != nil {
		return t, refused(err)
	}
	return t, nil
}

// carry sends the task, once, and returns between which times of the server's clock it was carried out: zero, if the
// server does not say what time it is.
func (s *Source) carry(ctx context.Context, d delivery, servers []sync.ServerID) (begun, ended time.Time, err error) {
	if d.link == nil || d.told {
		return begun, ended, nil
	}
	task, err := d.task.Processed(append(s.names(ctx, d.link, servers), syncserver.Gateway)...)
	if err != nil {
		return begun, ended, fmt.Errorf("%w: %w", source.ErrUntouched, err)
	}
	at := s.cfg.Now()
	left := deliverTime - at.Sub(d.at)
	if left <= 0 { // it may be another gateway's by now, and the server may have a newer one
		return begun, ended, fmt.Errorf("%w: this gateway stood still before it sent the task", source.ErrUntouched)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, left, errSlow)
	defer cancel()
	said, err := d.link.To.Carry(ctx, task, "urn:uuid:"+s.cfg.NewID(), d.row.Tag, at)
	switch {
	case errors.Is(err, tasks.ErrNotSent):
		return begun, ended, fmt.Errorf("%w: %w", source.ErrUntouched, err)
	case err != nil:
		return begun, ended, fmt.Errorf("the task may have been carried out: %w", err)
	case said.Result+said.Fault != "":
		return begun, ended, fmt.Errorf("%w: %w: %s says: %s", source.ErrUntouched, source.ErrFailed, d.link.To.Server,
			sync.Line(said.Result+said.Fault))
	case said.Date.IsZero():
		return begun, ended, nil
	}
	return said.Date.Add(-s.cfg.Now().Sub(at) - time.Second), said.Date.Add(time.Second), nil
}

var errSlow = errors.New("the server took too long")

// names are those of servers that have a change. The receiver's own is left out: it would take the task for one that it
// has carried out.
func (s *Source) names(ctx context.Context, link *tasks.Link, servers []sync.ServerID) (all []string) {
	for _, name := range s.cfg.Names(ctx, servers) {
		if syncserver.IsServer(name) && !strings.EqualFold(name, link.To.Server) && len(all) < maxServers {
			all = append(all, name)
		}
	}
	return all
}
