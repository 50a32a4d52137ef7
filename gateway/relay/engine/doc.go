// Package engine is a call's way to the live engine and back: the choice of a node, the head in the
// gateway's own words, another node after a failure, the reply and what may be passed on of it. Its
// errors are Problems.
//
// Before the tail of a call is released, whatever happens leaves the engine without a complete call.
package engine
