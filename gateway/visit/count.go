package visit

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/stagelock/stagelock/tunnel"
)

// counters count refusals by reason.
type counters struct {
	mu sync.Mutex
	n  map[tunnel.Reason]int64
}

func (c *counters) add(r tunnel.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[tunnel.Reason]int64{}
	}
	c.n[r]++
}

func (c *counters) all() map[tunnel.Reason]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := maps.Clone(c.n)
	if out == nil {
		out = map[tunnel.Reason]int64{}
	}
	return out
}

// Bounds of what is noted of addresses that are too fast.
const (
	floodWindow = time.Minute
	maxFloods   = 4096
)

// floods tells which refusals of addresses that are too fast are worth a record of their own.
type floods struct {
	mu   sync.Mutex
	last map[netip.Addr]time.Time
}

// worthARecord reports whether this is the first refusal of addr in a while.
func (f *floods) worthARecord(addr netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil || len(f.last) >= maxFloods {
		f.last = map[netip.Addr]time.Time{}
	}
	if last, ok := f.last[addr]; ok && now.Sub(last) < floodWindow {
		return false
	}
	f.last[addr] = now
	return true
}

// budget bounds the records of strangers, as the disk is not theirs, and counts what gets none.
type budget struct {
	mu   sync.Mutex
	left float64
	at   time.Time
	over map[tunnel.Reason]int64
}

// spend reports whether a refusal gets a record of its own, of which there are so many a second; if
// not it counts it.
func (b *budget) spend(r tunnel.Reason, now time.Time, perSecond float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() {
		b.at, b.left = now, perSecond
	}
	if d := now.Sub(b.at); d > 0 {
		b.left, b.at = min(perSecond, b.left+d.Seconds()*perSecond), now
	}
	if b.left >= 1 {
		b.left--
		return true
	}
	b.add(r, 1)
	return false
}

// count counts n refusals that get no record of their own.
func (b *budget) count(r tunnel.Reason, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(r, n)
}

// add is count. The caller holds mu.
func (b *budget) add(r tunnel.Reason, n int64) {
	if b.over == nil {
		b.over = map[tunnel.Reason]int64{}
	}
	b.over[r] += n
}

// take returns what was counted and begins anew.
func (b *budget) take() map[tunnel.Reason]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	over := b.over
	b.over = nil
	return over
}
