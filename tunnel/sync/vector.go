package sync

import (
	"maps"
	"slices"
	"time"
)

// Vector says which changes of an object a version contains: all of a server up to its counter.
type Vector map[ServerID]uint64

// Contains reports whether the change id is in what v stands for.
func (v Vector) Contains(id ID) bool { return v[id.Origin] >= id.Counter }

// Merge returns what v and o contain together.
func (v Vector) Merge(o Vector) Vector {
	out := maps.Clone(v)
	if out == nil {
		out = Vector{}
	}
	for s, n := range o {
		out[s] = max(out[s], n)
	}
	return out
}

// servers returns the servers of v in order.
func (v Vector) servers() []ServerID { return slices.Sorted(maps.Keys(v)) }

// Stamp is a time that never falls behind what was seen: a hybrid logical clock. It only orders
// versions where a rule asks for the newest.
type Stamp struct {
	Milli int64  // since 1970
	Logic uint16 // counts within a millisecond
}

// Compare orders stamps.
func (s Stamp) Compare(o Stamp) int {
	switch {
	case s.Milli != o.Milli && s.Milli < o.Milli, s.Milli == o.Milli && s.Logic < o.Logic:
		return -1
	case s == o:
		return 0
	}
	return 1
}

// Next returns a stamp for now that is above s.
func (s Stamp) Next(now time.Time) Stamp {
	n := Stamp{Milli: now.UnixMilli()}
	switch {
	case n.Compare(s) > 0:
		return n
	case s.Logic == 1<<16-1:
		return Stamp{Milli: s.Milli + 1}
	}
	return Stamp{Milli: s.Milli, Logic: s.Logic + 1}
}

// Time returns the time of the stamp.
func (s Stamp) Time() time.Time { return time.UnixMilli(s.Milli).UTC() }
