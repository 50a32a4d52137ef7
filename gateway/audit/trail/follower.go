package trail

import (
	"strings"
	"sync"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
)

// maxFollowed bounds the publishes that are followed without their beginning: those of requests that
// nobody knows are as many as somebody makes up.
const maxFollowed = 4096

// Follower tells how publishes end while the log is being written. It is safe for concurrent use.
type Follower struct {
	told func(Publish)

	mu sync.Mutex // guards p
	p  publishes
}

// NewFollower returns a Follower that calls told for each publish that ends.
func NewFollower(told func(Publish)) *Follower {
	return &Follower{told: told, p: publishes{created: map[string]*Publish{}, running: map[int64]*Publish{}}}
}

// Take takes an event as it is in the log. Outcomes may come late, and after what came of them.
func (f *Follower) Take(ev *audit.Event) {
	if p, over := f.take(ev); over {
		f.told(p)
	}
}

// take returns the publish that the event ends, if it does.
func (f *Follower) take(ev *audit.Event) (p Publish, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.p.running[ev.Request]; !known && ev.Request != 0 && len(f.p.running) >= maxFollowed {
		return p, false
	}
	one := f.p.take(ev)
	f.p.all = nil
	if one == nil {
		return p, false
	}
	switch {
	case ev.Kind == audit.KindOutcome:
		one.under--
	case ev.Verdict != audit.Deny:
		one.under++
	}
	over = f.over(one, ev) && one.tell()
	if ev.Kind == audit.KindOutcome && ev.MethodName() == cleanUpCall && one.under <= 0 {
		delete(f.p.running, ev.Request)
	}
	return *one, over
}

// over reports whether the event may be the last that matters of a publish.
func (f *Follower) over(one *Publish, ev *audit.Event) bool {
	name, outcome := ev.MethodName(), ev.Kind == audit.KindOutcome
	switch {
	case one.Task != nil:
		return outcome || ev.Verdict == audit.Deny
	case one.Request == 0: // it has none, and gets none
		return one.End == Refused || one.End == Failed
	case outcome && name == publishCall:
		return !strings.HasPrefix(ev.End, "repeat ")
	}
	return outcome && name == cleanUpCall && one.under <= 0
}

// tell reports whether a publish is to be told: unless that was done already, or nothing was ever seen
// of it but what nobody may do.
func (one *Publish) tell() bool {
	nothing := !one.made && one.Parts == 0 && (one.End == Unfinished || one.End == Refused)
	if one.told == one.End || one.told != "" && one.End == Unfinished || nothing {
		return false
	}
	one.told = one.End
	return true
}

// GiveUp tells of publishes of which nothing has come for that long while none of their calls is
// under way, and forgets them.
func (f *Follower) GiveUp(now time.Time, after time.Duration) {
	for _, p := range f.left(now, after) {
		f.told(p)
	}
}

func (f *Follower) left(now time.Time, after time.Duration) (all []Publish) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, one := range f.p.running {
		if one.under > 0 || now.Sub(one.Last) < after {
			continue
		}
		if one.tell() {
			all = append(all, *one)
		}
		delete(f.p.running, id)
	}
	return all
}
