package room

import "hash/maphash"

const (
	// MaxText is the longest text that is kept.
	MaxText = 96
	sets    = 16
	ways    = 4 // texts that share a place: so many of one stream never push each other out
)

// Texts has short texts of the streams before: publishers say who and where they are in each call. It belongs to
// one goroutine.
type Texts struct {
	seed maphash.Seed
	all  [sets][ways]string
}

// NewTexts returns Texts that have none.
func NewTexts() *Texts { return &Texts{seed: maphash.MakeSeed()} }

// Find returns b as text if a stream before this one had it, and else Keep's place for it.
func (t *Texts) Find(b []byte) (text string, place int, ok bool) {
	if len(b) == 0 || len(b) > MaxText {
		return "", -1, false
	}
	place = int(maphash.Bytes(t.seed, b) % sets)
	for _, text := range t.all[place] {
		if text == string(b) {
			return text, place, true
		}
	}
	return "", place, false
}

// Keep keeps a text in the place that Find gave for it; what came there first goes.
func (t *Texts) Keep(place int, text string) {
	if place >= 0 {
		set := &t.all[place]
		copy(set[1:], set[:])
		set[0] = text
	}
}

// Bytes hands out copies of short pieces from one place: the zero Bytes is ready. It belongs to one goroutine.
type Bytes struct {
	first [512]byte
	used  int
}

// Copy returns b in memory that nobody else has, until Again.
func (r *Bytes) Copy(b []byte) []byte {
	room := r.first[r.used:]
	if len(b) > len(room) {
		return append([]byte{}, b...)
	}
	r.used += len(b)
	return append(room[:0:len(b)], b...)
}

// Again takes back all that was handed out, of which nothing may be used any more.
func (r *Bytes) Again() {
	clear(r.first[:r.used])
	r.used = 0
}
