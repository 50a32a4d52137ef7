package store

import "errors"

var (
	// ErrNotFound is returned when the record that was asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrStale is returned when a record was written on top of a state that is no longer the last
	// one.
	ErrStale = errors.New("stale")
	// ErrClosed is returned by a place that was closed.
	ErrClosed = errors.New("store is closed")
	// ErrFull is returned when the place cannot take more: the disk is full or the file system is
	// read-only.
	ErrFull = errors.New("store is full")
)
