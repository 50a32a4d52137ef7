package sync

import (
	"cmp"
	"slices"
)

// State is what a server knows of one object.
type State struct {
	Object Object
	Rev    int64 // counts what was accepted; 0 of an object that nobody knows
	// First is the change with the lowest stamp: conflicts are decided on its server.
	First      ID
	FirstStamp Stamp
	Versions   []*Change // those that no other known change contains, by ID
	Shown      ID        // the version that the engine has; zero if it never had one
	Seq        int64     // the engine's newest row of the object that is accounted for
	Intent     *Intent   // an Apply that may or may not have been carried out
}

// Intent is what a server was about to write into its engine. It is kept before, so that a crash in
// between is settled by the engine's journal.
type Intent struct {
	Object Object
	Tag    string // of the row that the engine writes: the change that is accepted with it
	Expect int64  // the engine's newest row before
	Change *Change
	Via    ServerID // the neighbour that it came from; empty for a decision made here
	Listed []ServerID
	Asked  bool // somebody was asked for an approval: it is not kept if he refused; not read again
}

// Show returns the version that the engine has, or nil.
func (s *State) Show() *Change { return s.version(s.Shown) }

func (s *State) version(id ID) *Change {
	for _, v := range s.Versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// content is what the engine has: an object that never was is as one that was deleted.
func (s *State) content() Content {
	if v := s.Show(); v != nil {
		return v.Content()
	}
	return Content{Op: Delete}
}

// Conflict reports whether versions of different content stand beside each other.
func (s *State) Conflict() bool {
	return slices.ContainsFunc(s.Versions, func(v *Change) bool { return v.Content() != s.Versions[0].Content() })
}

// Mode says who decides a conflict.
type Mode string

// The modes. The zero Mode holds.
const (
	Hold   Mode = "hold"   // a person
	Newest Mode = "newest" // the newest stamp
	Prefer Mode = "prefer" // the server that is listed first, then the newest stamp
)

// Policy is how conflicts are decided. All servers must have the same.
type Policy struct {
	Mode   Mode
	Prefer []ServerID
}

func (p Policy) holds() bool { return p.Mode != Newest && p.Mode != Prefer }

// winner is a function of the versions alone, so that all servers agree without talking.
func (p Policy) winner(versions []*Change) *Change {
	rank := func(c *Change) int {
		if p.Mode == Prefer {
			if i := slices.Index(p.Prefer, c.ID.Origin); i >= 0 {
				return len(p.Prefer) - i
			}
		}
		return 0
	}
	return slices.MaxFunc(versions, func(a, b *Change) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Stamp.Compare(b.Stamp), a.ID.compare(b.ID))
	})
}

// Outcome is what a rule makes of a change.
type Outcome struct {
	Change *Change
	After  State // Rev is still that of before: a store accepts it if that is the newest
	// Show is the version that the engine must be given first, nil if it has that content already.
	Show *Change
	// Superseded: another known change contains it. It is history.
	Superseded bool
	// Ruled: a rule decided between versions, of which the loser is history.
	Ruled bool
}

// Receive returns what c, which is not known yet, makes of s.
func Receive(s State, c *Change, p Policy) Outcome {
	out := Outcome{Change: c, After: s}
	out.After.seen(c)
	if s.Supersedes(c) {
		out.Superseded = true
		return out
	}
	out.After.Versions = without(s.Versions, c)
	shown := c
	switch {
	case !out.After.Conflict():
	case p.holds():
		if old := out.After.version(s.Shown); old != nil {
			shown = old
		}
	default:
		shown, out.Ruled = p.winner(out.After.Versions), true
	}
	out.After.Shown = shown.ID
	if shown.Content() != s.content() {
		out.Show = shown
	}
	return out
}

// Supersedes reports whether a version contains c: it is history, whatever comes.
func (s *State) Supersedes(c *Change) bool {
	return slices.ContainsFunc(s.Versions, func(v *Change) bool { return v.contains(c) })
}

// seen keeps the change with the lowest stamp.
func (s *State) seen(c *Change) {
	if s.First.IsZero() || cmp.Or(c.Stamp.Compare(s.FirstStamp), c.ID.compare(s.First)) < 0 {
		s.First, s.FirstStamp = c.ID, c.Stamp
	}
}

// without returns the versions that c does not contain, and c, by ID.
func without(versions []*Change, c *Change) []*Change {
	all := []*Change{c}
	for _, v := range versions {
		if !c.contains(v) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *Change) int { return a.ID.compare(b.ID) })
	return all
}

// Seen returns the versions that a person had before him who edits the object on the server self: what
// the engine shows and every version of the same content, and what the server itself made; with a rule
// all of them, as the rule has decided.
func Seen(s State, self ServerID, p Policy) []*Change {
	if !p.holds() {
		return s.Versions
	}
	shown := s.content()
	var all []*Change
	for _, v := range s.Versions {
		if v.ID == s.Shown || v.Content() == shown || v.ID.Origin == self {
			all = append(all, v)
		}
	}
	return all
}

// Follow writes into c, which has its ID, that it contains those versions.
func (c *Change) Follow(versions []*Change) {
	c.Vector = Vector{}
	for _, v := range versions {
		c.Vector = c.Vector.Merge(v.Vector)
	}
	c.Vector[c.ID.Origin] = c.ID.Counter
}

// Edit returns what c, which was made here and which the engine has, makes of s.
func Edit(s State, c *Change, seq int64) Outcome {
	out := Outcome{Change: c, After: s}
	out.After.seen(c)
	out.After.Versions = without(s.Versions, c)
	out.After.Shown, out.After.Seq = c.ID, seq
	return out
}
