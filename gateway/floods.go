package gateway

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of what is noted of addresses that are too fast.
const (
	floodWindow = time.Minute
	maxFloods   = 4096
)

// floods says which refusals of addresses that are too fast are worth a record of their own.
type floods struct {
	mu   sync.Mutex
	last map[netip.Addr]time.Time
}

// first says whether this is the first refusal of addr in a while.
func (f *floods) first(addr netip.Addr, now time.Time) bool {
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
