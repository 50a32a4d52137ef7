// Package link is the way from a staging site to its live one: what the form of remote live staging asks
// for, the rules that it must keep before anybody is called, in the documentation's order, and the
// documentation's words for a call that failed on that way.
package link
