package archive

// Limits bounds what an archive may hold. A zero field allows nothing: begin with DefaultLimits.
type Limits struct {
	Entries  int   // entries, directories included
	Total    int64 // content of all entries
	Entry    int64 // content of one entry
	Ratio    int   // content to compressed bytes, over each MiB of content
	Name     int   // bytes of a name
	Manifest int64 // bytes of manifest.xml
	Depth    int   // nested XML elements
	Token    int   // bytes of one XML token
	Attrs    int   // attributes of one XML element
}

// ratioWindow is the stretch of content over which Limits.Ratio is held: shorter content may
// compress as it likes.
const ratioWindow = 1 << 20

// DefaultLimits returns limits that every honest archive met so far stays far below.
func DefaultLimits() Limits {
	return Limits{
		Entries:  200_000,
		Total:    4 << 30,
		Entry:    1 << 30,
		Ratio:    200,
		Name:     1024,
		Manifest: 128 << 20,
		Depth:    64,
		Token:    1 << 20,
		Attrs:    256,
	}
}

// leastCompressed is the fewest compressed bytes that n bytes of content may come from.
func (l Limits) leastCompressed(n int64) int64 {
	if l.Ratio <= 0 {
		return n
	}
	return n / ratioWindow * (ratioWindow / int64(l.Ratio))
}
