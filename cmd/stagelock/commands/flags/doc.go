// Package flags has the flags that several commands share, and what they stand for: the
// configuration, the shared secret, the authorities that are trusted, sizes.
package flags
