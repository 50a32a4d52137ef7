package replica

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Config is what a Replica is built from. All fields but Pause, Fence, Held and Noted are needed.
type Config struct {
	Key    ed25519.PrivateKey // of this server
	Source source.Source
	// Journal returns the name of the source's journal, and whether objects of a kind take part: rows of others are
	// passed over under that name.
	Journal func() (name string, travels func(kind string) bool)
	Changes exchange.Changes
	Blobs   exchange.Blobs
	Policy  func() sync.Policy
	// Targets returns the servers to which changes of an object go from here.
	Targets func(o sync.Object) []sync.ServerID
	Now     func() time.Time
	// Fence is the lease under which the journal is read and numbers are given to changes, and false while another
	// gateway of the same server has it; nil for a server with one gateway.
	Fence func() (exchange.Fence, bool)
	// Held returns what is held of changes until somebody approves them, or what was decided; nil where nothing is.
	Held func(ctx context.Context, ids ...sync.ID) ([]exchange.Approval, error)
	// Noted is told of everything that was accepted, after it was, and at once of what was accepted together; nil for
	// nobody.
	Noted func(all ...Note)
	// Workers is how many changes of one batch are taken at once; 0 is 1.
	Workers int
	// Pause is called at each step between two writes; tests crash there.
	Pause func(point string)
}

// Note is one thing that was accepted.
type Note struct {
	// What is made, applied, held, kept, resolved or ruled; missed: made by who had not seen what is shown; echo: the
	// engine wrote once more what it shows; undone: what somebody refused came into the engine and was taken out of it;
	// late: it was not, as it was edited since
	What   string
	Change *sync.Change
	Via    sync.ServerID
}

// Replica is safe for concurrent use.
type Replica struct {
	cfg  Config
	self sync.ServerID

	// mu is held for reading by whoever applies one change, and for writing by whoever reads the
	// journal or decides: these give numbers to new changes.
	mu      stdsync.RWMutex
	objects [64]stdsync.Mutex // by hash of the object, within a read lock of mu
	seed    maphash.Seed
	// unsettled is true while intents of a former time, or of an Apply without an answer, may be open.
	unsettled atomic.Bool
	single    atomic.Bool // the engine takes one object at a time
	reads     atomic.Bool // the engine says of one object at a time what it has
	tried     string      // the tag of the intent that could not be settled last, within a write lock of mu

	fence exchange.Fence // under which the journal was read last, within a write lock of mu
	noted counts
}

// Whats returns what a Note may tell.
func Whats() []string {
	return []string{"made", "applied", "held", "kept", "resolved", "ruled", "missed", "echo", "undone", "late"}
}

// counts are how often each was told.
type counts map[string]*atomic.Int64

// Counts returns how often each of Whats was told since the Replica was made.
func (r *Replica) Counts() map[string]int64 {
	all := map[string]int64{}
	for what, n := range r.noted {
		all[what] = n.Load()
	}
	return all
}

// note counts what was accepted, and tells of it.
func (r *Replica) note(all ...Note) {
	for _, n := range all {
		r.noted[n.What].Add(1)
	}
	r.cfg.Noted(all...)
}

// New returns a Replica.
func New(c Config) (*Replica, error) {
	if c.Source == nil || c.Changes == nil || c.Blobs == nil || c.Policy == nil || c.Targets == nil || c.Journal == nil ||
		c.Now == nil || len(c.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("replica: a part of its configuration is missing")
	}
	if c.Fence == nil {
		c.Fence = func() (exchange.Fence, bool) { return exchange.Fence{}, true }
	}
	if c.Held == nil {
		c.Held = func(_ context.Context, ids ...sync.ID) ([]exchange.Approval, error) {
			return make([]exchange.Approval, len(ids)), nil
		}
	}
	if c.Noted == nil {
		c.Noted = func(...Note) {}
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	r := &Replica{cfg: c, self: sync.IDOf(c.Key.Public().(ed25519.PublicKey)), seed: maphash.MakeSeed(), noted: counts{}}
	for _, what := range Whats() {
		r.noted[what] = &atomic.Int64{}
	}
	r.unsettled.Store(true)
	return r, nil
}

// Self returns the server that the replica is.
func (r *Replica) Self() sync.ServerID { return r.self }

func (r *Replica) slot(o sync.Object) int {
	return int(maphash.String(r.seed, string(o)) % uint64(len(r.objects)))
}

func (r *Replica) lock(o sync.Object) *stdsync.Mutex { return &r.objects[r.slot(o)] }

// targets are those of o that do not have the change yet, as far as is known.
func (r *Replica) targets(c *sync.Change, via sync.ServerID, listed []sync.ServerID) []sync.ServerID {
	var all []sync.ServerID
next:
	for _, t := range r.cfg.Targets(c.Object) {
		if t == via || t == c.ID.Origin {
			continue
		}
		for _, l := range listed {
			if l == t {
				continue next
			}
		}
		all = append(all, t)
	}
	return all
}

// carry gives the engine what out shows, if it has something else, and accepts out.
func (r *Replica) carry(ctx context.Context, before sync.State, out sync.Outcome, in sync.Intent) error {
	if out.Show == nil {
		return r.accept(ctx, out, in)
	}
	return r.apply(ctx, before, out, in)
}

// accept keeps an outcome of a change that came from elsewhere, or was decided here.
func (r *Replica) accept(ctx context.Context, out sync.Outcome, in sync.Intent) error {
	fence := exchange.Fence{} // an intent that is open may be ended by anybody
	if in.Tag == "" {
		fence = r.fenceOf(in)
	}
	err := r.cfg.Changes.Accept(ctx, fence, r.acceptance(&out, in))
	if err == nil {
		r.cfg.Pause("accepted")
		r.note(Note{what(out, in), in.Change, in.Via})
	}
	return err
}

// fenceOf is what the intent of a change depends on: one that was made here has a number, which only who reads the
// journal may give. mu is held for writing then.
func (r *Replica) fenceOf(in sync.Intent) exchange.Fence {
	if in.Via == "" {
		return r.fence
	}
	return exchange.Fence{}
}

func (r *Replica) acceptance(out *sync.Outcome, in sync.Intent) exchange.Acceptance {
	return exchange.Acceptance{
		Outcome: out, Via: in.Via, Listed: in.Listed, Tag: in.Tag, Targets: r.targets(in.Change, in.Via, in.Listed),
		Asked: in.Asked && in.Tag == "", // of one on its way into the engine it is too late to refuse
	}
}

func what(out sync.Outcome, in sync.Intent) string {
	switch {
	case undoes(in):
		return "undone"
	case in.Via == "":
		return "resolved"
	case out.Superseded:
		return "kept"
	case out.Ruled:
		return "ruled"
	case out.After.Conflict():
		return "held"
	}
	return "applied"
}

// apply gives the engine what out shows and then accepts it. The object's lock is held, or mu.
func (r *Replica) apply(ctx context.Context, before sync.State, out sync.Outcome, in sync.Intent) error {
	in.Object, in.Tag, in.Expect = before.Object, in.Change.ID.String(), before.Seq
	if err := r.cfg.Changes.Intend(ctx, r.fenceOf(in), in); err != nil {
		return err
	}
	r.cfg.Pause("intended")
	seq, err := r.write(ctx, before, out.Show, in)
	if err != nil {
		return r.undone(ctx, err, in)
	}
	r.cfg.Pause("applied")
	out.After.Seq = seq
	if err := r.accept(context.WithoutCancel(ctx), out, in); err != nil {
		r.unsettled.Store(true)
		return err
	}
	return nil
}

func facts(c *sync.Change) source.Facts {
	return source.Facts{Deleted: c.Op == sync.Delete, Title: c.Title, Author: c.Author, Needs: c.Needs}
}

func (r *Replica) write(ctx context.Context, before sync.State, show *sync.Change, in sync.Intent) (int64, error) {
	f := facts(show)
	f.Servers = append([]sync.ServerID{show.ID.Origin}, in.Listed...)
	if f.Deleted {
		return r.cfg.Source.Apply(ctx, before.Object, before.Seq, in.Tag, f, nil)
	}
	content, _, err := r.cfg.Blobs.Open(ctx, show.Payload)
	if err != nil {
		return 0, err
	}
	seq, err := r.cfg.Source.Apply(ctx, before.Object, before.Seq, in.Tag, f, content)
	return seq, errors.Join(err, content.Close())
}

// keep stores a content and returns its digest and size.
func (r *Replica) keep(ctx context.Context, content io.ReadCloser) (sync.Digest, int64, error) {
	d, n, err := r.cfg.Blobs.Put(ctx, content)
	return d, n, errors.Join(err, content.Close())
}

// has reports whether the content of a change is here, which stays until it is named.
func (r *Replica) has(ctx context.Context, c *sync.Change) (bool, error) {
	if c.Op == sync.Delete {
		return true, nil
	}
	here, err := r.cfg.Blobs.Hold(ctx, c.Payload)
	if err != nil {
		return false, fmt.Errorf("content of %s: %w", c.ID, err)
	}
	return here, nil
}
