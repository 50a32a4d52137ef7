// Package audit keeps what the gateway let through and why, so that nobody can change it later
// without being noticed.
//
// A log is lines of JSON. Each ends with prev, the hash of the line before it, and hash, its own:
//
//	hash(n) = SHA-256(hash(n-1) ‖ length ‖ line up to ,"hash")
//
// where hash(0) is 32 zero bytes and length is the line's length up to there, in 8 bytes,
// big-endian. Now and then a checkpoint is signed: a note in the format of
// golang.org/x/mod/sumdb/note that holds the number of records and the last hash. It stands in the
// log, and the newest one also in a file of its own, so that a log that was cut short is noticed.
// What was written after the newest checkpoint is protected by the chain only; whoever can write
// the log and that file can go back to an older pair of them, so copy the file to where the gateway
// cannot write.
package audit
