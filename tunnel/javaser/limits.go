package javaser

// Limits bound what one stream may cost. A zero field is a limit of zero.
type Limits struct {
	Held    int64 // bytes kept, which is everything but bulk content
	Bulk    int64 // bytes of one bulk array
	Depth   int   // objects within objects
	Supers  int   // length of a chain of superclasses
	Classes int   // descriptors
	Handles int   // things that can be referred to
	Array   int   // elements of an array or list, entries of a map
	Fields  int   // of one class by form
	Weight  int64 // values when every reference to a container is expanded
}

// DefaultLimits are far above what a publish of a large site needs and far below what hurts.
func DefaultLimits() Limits {
	return Limits{
		Held: 4 << 20, Bulk: 128 << 20, Depth: 32, Supers: 8, Classes: 64,
		Handles: 250_000, Array: 100_000, Fields: 128, Weight: 250_000,
	}
}
