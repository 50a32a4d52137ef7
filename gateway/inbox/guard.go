package inbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// Peer is a neighbour and what it may do. The zero Peer may do nothing.
type Peer struct {
	ID         sync.ServerID
	Sends      bool     // its changes are taken
	Kinds      []string // of objects that it may send
	Deletes    bool     // it may delete
	PerHour    int      // deletions that it may send in an hour
	MaxContent int64    // bytes of one content
	Paths      []string // below which objects may lie; everywhere if empty
	Approve    []string // kinds of objects of which somebody must approve each change
	// Where returns where a setting about the peer is written, for people; nil: nobody knows.
	Where func(setting string) string
}

// Covers reports whether an object is one of those that are exchanged with p.
func (p Peer) Covers(o sync.Object) bool { return slices.Contains(p.Kinds, o.Kind()) && p.within(o) }

func (p Peer) within(o sync.Object) bool {
	return len(p.Paths) == 0 || slices.ContainsFunc(p.Paths, func(path string) bool {
		below, ok := strings.CutPrefix(string(o), path)
		return ok && (below == "" || below[0] == '/')
	})
}

// Reasons why a change of a peer is refused.
const (
	ReasonForged    = "exchange.forged"
	ReasonClock     = "exchange.clock"
	ReasonOrigin    = "exchange.origin"
	ReasonDirection = "exchange.direction"
	ReasonKind      = "exchange.kind"
	ReasonPath      = "exchange.path"
	ReasonDelete    = "exchange.delete"
	ReasonDeletes   = "exchange.deletes"
	ReasonSize      = "exchange.size"
	ReasonBusy      = "exchange.busy"
)

// Refuses returns why a change is not taken from p, and false if it is.
func (in *Inbox) Refuses(p Peer, c *sync.Change) (sync.Answer, bool) {
	no := func(class sync.Class, reason, format string, args ...any) (sync.Answer, bool) {
		return sync.Answer{ID: c.ID, Status: sync.StatusRefused, Class: class, Reason: reason, Text: fmt.Sprintf(format, args...)}, true
	}
	err := c.Verify(in.cfg.Now())
	switch {
	case errors.Is(err, sync.ErrClock):
		return no(sync.ClassOperator, ReasonClock, "%v; set the clock of %s", err, c.ID.Origin)
	case err != nil:
		return no(sync.ClassNever, ReasonForged, "%v", err)
	case !in.origin(c.ID.Origin):
		return no(sync.ClassNever, ReasonOrigin, "changes of the server %s are not taken here: list its key in %s", c.ID.Origin,
			p.at("sync.origins"))
	}
	for _, r := range rights {
		if r.broken(p, c) {
			return no(r.class, r.reason, "%s: see %s", r.text(p, c), p.at(r.setting))
		}
	}
	return sync.Answer{}, false
}

// origin reports whether changes that were made on a server are taken, whoever passes them on.
func (in *Inbox) origin(id sync.ServerID) bool {
	return id == in.self || slices.Contains(in.cfg.Origins, id) ||
		slices.ContainsFunc(in.cfg.Peers(), func(p Peer) bool { return p.ID == id })
}

// rights are what settings allow a peer.
var rights = []struct {
	class           sync.Class
	reason, setting string
	broken          func(p Peer, c *sync.Change) bool
	text            func(p Peer, c *sync.Change) string
}{
	{sync.ClassOperator, ReasonDirection, "direction",
		func(p Peer, _ *sync.Change) bool { return !p.Sends },
		func(p Peer, _ *sync.Change) string { return fmt.Sprintf("nothing is taken from %s", p.ID) }},
	{sync.ClassNever, ReasonKind, "kinds",
		func(p Peer, c *sync.Change) bool { return !slices.Contains(p.Kinds, c.Object.Kind()) },
		func(p Peer, c *sync.Change) string {
			return fmt.Sprintf("objects of the kind %s are not taken from %s", c.Object.Kind(), p.ID)
		}},
	{sync.ClassNever, ReasonPath, "paths",
		func(p Peer, c *sync.Change) bool { return !p.within(c.Object) },
		func(p Peer, c *sync.Change) string {
			return fmt.Sprintf("%s is below no path from which %s may send", c.Object, p.ID)
		}},
	{sync.ClassNever, ReasonDelete, "deletes",
		func(p Peer, c *sync.Change) bool { return c.Op == sync.Delete && !p.Deletes },
		func(p Peer, _ *sync.Change) string { return fmt.Sprintf("deletions are not taken from %s", p.ID) }},
	{sync.ClassNever, ReasonSize, "sync.max_bytes",
		func(p Peer, c *sync.Change) bool { return c.Size > p.MaxContent },
		func(p Peer, c *sync.Change) string {
			return fmt.Sprintf("%d bytes are more than %d", c.Size, p.MaxContent)
		}},
}

// at names a setting about p and where it is written.
func (p Peer) at(setting string) string {
	text := setting
	if !strings.HasPrefix(setting, "sync.") {
		text += " in sync.peers"
	}
	if p.Where == nil {
		return text
	}
	return text + ", " + p.Where(setting)
}

// tooMany is the answer to a deletion that is more than p may send in an hour.
func (p Peer) tooMany(id sync.ID) sync.Answer {
	return sync.Answer{ID: id, Status: sync.StatusRefused, Class: sync.ClassOperator, Reason: ReasonDeletes,
		Text: fmt.Sprintf("more than %d deletions in an hour: raise %s; or let them pass there with: "+
			"stagelock sync approve --deletes %s", p.PerHour, p.at("max_deletes_per_hour"), p.ID)}
}

// spend refuses those of the changes that delete more than p may in this hour. One that is tried again, such as
// that of a folder that is not empty yet, counts once.
func (in *Inbox) spend(ctx context.Context, p Peer, o sync.Offer, all []sync.Answer) error {
	var ids []sync.ID
	var at []int
	for i, c := range o.Changes {
		if all[i].Status == "" && c.Change.Op == sync.Delete {
			ids, at = append(ids, c.Change.ID), append(at, i)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	may, err := in.cfg.Allowances.Spend(ctx, p.ID, p.PerHour, ids...)
	for k, ok := range may {
		if err == nil && !ok {
			all[at[k]] = p.tooMany(ids[k])
			in.cfg.Refused(p.ID, o.Changes[at[k]].Change, all[at[k]])
		}
	}
	return err
}

// reservations keep two neighbours from sending the same content at once.
type reservations struct {
	mu  stdsync.Mutex // guards all
	all map[sync.ID]reservation
}

type reservation struct {
	by    sync.ServerID
	until time.Time
}

// maxReserved bounds what is remembered; beyond it a content may come twice.
const maxReserved = 10_000

// take reserves a change for a peer: false if somebody else is sending it.
func (r *reservations) take(id sync.ID, by sync.ServerID, size int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if held, ok := r.all[id]; ok && held.by != by && held.until.After(now) {
		return false
	}
	if len(r.all) >= maxReserved {
		r.all = map[sync.ID]reservation{}
	}
	r.all[id] = reservation{by, now.Add(time.Minute + time.Duration(size)*time.Microsecond)} // at 1 MB/s
	return true
}

func (r *reservations) free(id sync.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
}
