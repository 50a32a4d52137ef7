// Package arrivals keeps what was published to a live environment, from the call that asked for it to
// its end: how far an import is that goes on, and what became of those that are over, also of the ones
// that failed. It tells an operator of live what the staging side tells its publisher.
package arrivals
