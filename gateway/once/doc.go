// Package once carries each guarded call out exactly once (call rules, section 6). Java's client
// sends a POST again when its connection breaks before a byte of the answer, and balancers do what
// they like: so the first of equal calls is carried out, and its duplicates get its answer.
//
// Delivery is never inferred. An entry ends with another call of the same login and key in its scope
// that began after its answer, or some time after its answer, and nothing else. A call that began
// before an equal one was answered is its duplicate, however late it asks.
//
// The truth is in the store, which several gateways may share: any of them takes any call, and any
// may die at any byte. A call belongs to the life of the process that carries it out, and that life
// to a lease which the store's clock judges. A duplicate on another gateway waits for the answer, or
// is told that nobody knows once the lease has run out. The package knows no wire, no connection and
// no policy.
package once
