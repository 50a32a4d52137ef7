package levels

// Policy says what becomes of a publish between engines of different levels. The zero Policy is Require.
type Policy string

// The policies.
const (
	Require Policy = "equal" // both must be known to be equal
	Warn    Policy = "warn"  // it is told, and goes on
	Any     Policy = "any"   // nobody looks
)

// Lets reports whether a publish goes on.
func (p Policy) Lets(r Relation) bool {
	return r == Equal || p == Warn || p == Any
}
