// Package source is the body of a call as it comes in: what was parsed is kept until it is known where it may
// go, and the content of a bulk array streams by.
package source
