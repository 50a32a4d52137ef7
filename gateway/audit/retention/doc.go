// Package retention moves what is old of an audit log to another place, so that both parts can still be
// verified: whole files of a log in a folder, and records of the logs that gateways share in a database, with
// the notes over them. What says how far is signed, and stands there before anything is forgotten.
package retention
