package errands

import (
	"context"
	"strings"
	"time"

	"github.com/stagelock/stagelock/store/errands"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/subject"
)

// echoTime is for how long after a delivery the same task is one that only comes back.
const echoTime = 10 * time.Minute

// Echo implements tasks.Keeper. It looks into the journal: a gateway that starts anew, and another one of the same
// server, know what was carried.
func (s *Source) Echo(ctx context.Context, t syncserver.Task, named bool) (bool, error) {
	about, err := subject.Of(t)
	if err != nil {
		return false, err
	}
	rows, err := s.cfg.Journal.Last(ctx, about.Object, 0, deliveries)
	if err != nil {
		return false, err
	}
	for i, r := range rows {
		if r.Tag == "" || r.Deleted != about.Deleted || !r.Deleted && r.Content != about.Content {
			continue
		}
		if named || i == 0 && s.cfg.Now().Sub(r.At) <= echoTime {
			return true, nil
		}
	}
	return false, nil
}

// Keep implements tasks.Keeper. A task that was kept before, of which its sender never learnt, is no error.
func (s *Source) Keep(ctx context.Context, t syncserver.Task) error {
	about, err := subject.Of(t)
	if err != nil {
		return err
	}
	if !s.cfg.Travels(about.Object) { // its sender would forget it, and nobody else would ever hear of it
		return refusal.New(refusal.TaskDenied, "nobody takes %s: see kinds and paths of sync.peers", about.Object)
	}
	r := errands.Row{Object: about.Object, Deleted: about.Deleted, Title: about.Title, Author: about.Author, Needs: about.Needs,
		Content: about.Content, State: about.State, Made: about.Made}
	if !about.Deleted {
		link, err := s.link()
		if err != nil {
			return err
		}
		t.Servers = nil // sync knows who has it
		document := t.Document(link.Peer.Assembly)
		if r.Digest, r.Size, err = s.cfg.Blobs.Put(ctx, strings.NewReader(document)); err != nil {
			return err
		}
	}
	_, _, err = s.cfg.Journal.HandIn(ctx, r)
	return err
}
