// Package audit keeps what the gateway let through and why, so that nobody can change it later
// without being noticed.
//
// A log is lines of JSON, each bound to the one before it; package chain has how. Now and then a
// checkpoint is signed. It stands in the log, and the newest one also in a file of its own, so that a log
// that was cut short is noticed. What was written after the newest checkpoint is protected by the chain
// only; whoever can write the log and that file can go back to an older pair of them, so copy the file
// to where the gateway cannot write.
//
// This package has the events, writes them and lists them; proof holds a log against its checkpoints,
// retention moves what is old elsewhere, trail tells what became of a publish, audittest makes logs for
// tests.
package audit
