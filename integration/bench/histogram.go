package main

import (
	"math/bits"
	"time"
)

// histogram counts durations, in 16 steps from each power of two to the next: 6 % apart.
type histogram struct {
	counts [64 * 16]uint32
	n      int64
}

func (h *histogram) add(d time.Duration) {
	h.counts[step(d)]++
	h.n++
}

// step is the place of a duration.
func step(d time.Duration) int {
	n := uint64(max(d, 16))
	e := bits.Len64(n) - 5 // n>>e is from 16 to 31
	return e*16 + int(n>>e&15)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
}

// at returns the duration that a share of all is not longer than; 0 of none.
func (h *histogram) at(share float64) time.Duration {
	left := int64(share * float64(h.n))
	for i, n := range h.counts {
		if left -= int64(n); left < 0 {
			return time.Duration(uint64(i%16+16) << (i / 16))
		}
	}
	return 0
}
