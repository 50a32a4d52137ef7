// Package place is where a conformance suite runs: a contract in a directory that is closed and opened again,
// or opened a second time, as processes would, under a clock that the test moves.
package place
