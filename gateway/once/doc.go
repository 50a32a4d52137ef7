// Package once carries each guarded call out exactly once (call rules, section 6). Java's client
// sends a POST again when its connection breaks before a byte of the answer, and balancers do what
// they like: so the first of equal calls is carried out, and its duplicates get its answer.
//
// Delivery is never inferred. An entry ends with another call of the same login and key in its scope
// that began after its answer, or some time after its answer, and nothing else. A call that began
// before an equal one was answered is its duplicate, however late it asks.
//
// The memory of this process is the truth while it lives; the store carries it over a restart. The
// package knows no wire, no connection and no policy.
package once
