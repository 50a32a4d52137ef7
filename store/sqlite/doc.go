// Package sqlite keeps requests, repeats and certificates in one SQLite file, for a gateway of one
// machine. One goroutine writes and takes all waiting writes into one transaction, so that they
// share an fsync; readers run beside it.
package sqlite
