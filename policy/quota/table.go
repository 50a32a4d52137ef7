package quota

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

const (
	// common is how many buckets those share who have none of their own.
	common = 256
	// looks is how many of the oldest buckets are looked at for a full one.
	looks = 8
)

// table holds a bucket for each of at most size keys, and the common ones.
type table[K comparable] struct {
	size      int
	limit     rate.Limit
	burst     int
	network   func(K) byte
	lru       *simplelru.LRU[K, *rate.Limiter]
	shared    [common]*rate.Limiter
	forgotten uint64
}

func newTable[K comparable](size int, limit rate.Limit, burst int, network func(K) byte) *table[K] {
	t := &table[K]{size: size, limit: limit, burst: burst, network: network}
	t.lru, _ = simplelru.NewLRU[K, *rate.Limiter](size, nil) // fails for sizes below 1 only
	for i := range t.shared {
		t.shared[i] = rate.NewLimiter(limit, burst)
	}
	return t
}

// find returns the key's bucket without making one. A key that shares one of the common buckets has
// that.
func (t *table[K]) find(k K) (*rate.Limiter, bool) {
	if b, ok := t.lru.Peek(k); ok {
		return b, true
	}
	return t.shared[t.network(k)], t.lru.Len() >= t.size
}

// bucket finds the key's bucket, makes one, or, if none can be forgotten for it, answers the common
// one of the key's network.
func (t *table[K]) bucket(k K, now time.Time) (b *rate.Limiter, shared bool) {
	if b, ok := t.lru.Get(k); ok {
		return b, false
	}
	if t.lru.Len() >= t.size && !t.forget(now) {
		return t.shared[t.network(k)], true
	}
	b = rate.NewLimiter(t.limit, t.burst)
	t.lru.Add(k, b)
	return b, false
}

// forget drops one bucket that is full, if there is one among the oldest. Those that are not full
// get another round: they go to the front, so that the next look finds others.
func (t *table[K]) forget(now time.Time) bool {
	for range min(looks, t.lru.Len()) {
		k, b, _ := t.lru.GetOldest()
		if b.TokensAt(now) >= float64(t.burst) {
			t.lru.RemoveOldest()
			t.forgotten++
			return true
		}
		t.lru.Get(k)
	}
	return false
}

// network chooses the common bucket of an address: by its first 16 bits, or 32 of an IPv6 address.
func network(a netip.Addr) byte {
	n := 2
	if a.Is6() {
		n = 4
	}
	h := uint32(2166136261) // FNV-1a
	for _, b := range a.AsSlice()[:n] {
		h = (h ^ uint32(b)) * 16777619
	}
	return byte(h ^ h>>8 ^ h>>16 ^ h>>24)
}
