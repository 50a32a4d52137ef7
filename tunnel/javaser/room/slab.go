package room

import "slices"

// A slab begins with a chunk that is enough for a small call, and doubles up to the largest.
const (
	minChunk = 12
	maxChunk = 96
)

// Slab hands out values of one type from chunks that grow with use: one allocation in place of
// many. The zero Slab is ready. It belongs to one goroutine.
type Slab[T any] struct {
	free  []T
	first []T // the first chunk, for another stream
	chunk int
}

// Again takes back all that was handed out, of which nothing may be used any more.
func (s *Slab[T]) Again() {
	clear(s.first)
	s.free, s.chunk = s.first, len(s.first)
}

// One returns a zero value.
func (s *Slab[T]) One() *T {
	return &s.Many(1)[0]
}

// Many returns n zero values, which nobody else appends to.
func (s *Slab[T]) Many(n int) []T {
	if n > maxChunk/2 {
		return make([]T, n)
	}
	if n > len(s.free) {
		s.chunk = max(minChunk, min(2*s.chunk, maxChunk), n)
		s.free = make([]T, s.chunk)
		if s.first == nil {
			s.first = s.free
		}
	}
	own := s.free[:n:n]
	s.free = s.free[n:]
	return own
}

// Push appends v to what has arrived. It doubles: append alone grows long slices by a quarter and
// leaves five times their size behind.
func Push[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = slices.Grow(s, max(4, len(s)))
	}
	return append(s, v)
}
