// Package retention moves what is old of an audit log to another place, so that both parts can still be
// verified.
package retention
