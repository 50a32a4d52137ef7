// Package storetest holds one conformance suite for each contract of package store, those of calls and of
// who owns them in rooms of their own. Whoever implements a contract calls its suite with a func that opens
// a place in a directory; opening the same directory again must find what was kept.
package storetest
