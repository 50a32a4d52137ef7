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

// NewFollower returns a Follower that calls told for each publish that ends, with one at a time.
func NewFollower(told func(Publish)) *Follower {
	return &Follower{told: told, p: publishes{created: map[string]*Publish{}, running: map[int64]*Publish{}}}
}

// Take takes an event as it is in the log. Outcomes may come late, and after what came of them.
func (f *Follower) Take(ev *audit.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.p.running[ev.Request]; !known && ev.Request != 0 && len(f.p.running) >= maxFollowed {
		return
	}
	one := f.p.take(ev)
	f.p.all = nil
	if one == nil {
		return
	}
	switch {
	case ev.Kind == audit.KindOutcome:
		one.under--
	case ev.Verdict != audit.Deny:
		one.under++
	}
	if f.over(one, ev) {
		f.tell(one)
	}
	if ev.Kind == audit.KindOutcome && ev.MethodName() == cleanUpCall && one.under <= 0 {
		delete(f.p.running, ev.Request)
	}
}

// over reports whether the event may be the last that matters of a publish.
func (f *Follower) over(one *Publish, ev *audit.Event) bool {
	name, outcome := ev.MethodName(), ev.Kind == audit.KindOutcome
	switch {
	case one.Request == 0: // it has none, and gets none
		return one.End == Refused || one.End == Failed
	case outcome && name == publishCall:
		return !strings.HasPrefix(ev.End, "repeat ")
	}
	return outcome && name == cleanUpCall && one.under <= 0
}

// tell tells of a publish, unless that was told already, or nothing was ever seen of it but what
// nobody may do.
func (f *Follower) tell(one *Publish) {
	if one.told == one.End || one.told != "" && one.End == Unfinished || !one.made && one.Parts == 0 && one.End != Published {
		return
	}
	one.told = one.End
	f.told(*one)
}

// GiveUp tells of publishes of which nothing has come for that long while none of their calls is
// under way, and forgets them.
func (f *Follower) GiveUp(now time.Time, after time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, one := range f.p.running {
		if one.under > 0 || now.Sub(one.Last) < after {
			continue
		}
		f.tell(one)
		delete(f.p.running, id)
	}
}
