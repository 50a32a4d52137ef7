// Package chain is what makes an audit log tell of every change: its lines, each bound to the one before
// by a hash, and the signed notes over it.
//
// A line ends with prev, the hash of the line before it, and hash, its own:
//
//	hash(n) = SHA-256(hash(n-1) ‖ length ‖ line up to ,"hash")
//
// where hash(0) is 32 zero bytes and length is the line's length up to there, in 8 bytes, big-endian. A
// checkpoint is a note in the format of golang.org/x/mod/sumdb/note that holds the number of records and
// the last hash.
package chain
