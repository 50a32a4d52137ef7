package store

import "context"

// Database is a place that keeps every contract but those of content and of the audit log. What its
// methods return is valid until Close.
type Database interface {
	Members() Members
	Requests() Requests
	Repeats() Repeats
	Leases() Leases
	Values() Values
	Pages() Pages
	Nonces() Nonces
	// Close waits for the writes that were taken. It may be called again.
	Close() error
}

// Tx runs statements in one transaction, in the SQL that SQLite and PostgreSQL share: $1 stands for the
// first argument, @. before a table for the schema, {name} for the name of a lease, {strpos} for the function that
// finds a text in another, and {share} behind a query for a lock that keeps others from changing its rows.
type Tx interface {
	// Exec returns how many rows a statement changed.
	Exec(query string, args ...any) (int64, error)
	// Query calls each with every row of a query; scan is valid until each returns.
	Query(query string, args []any, each func(scan func(dest ...any) error) error) error
	// Now returns the store's time, in microseconds since 1970.
	Now() (int64, error)
}

// Transactor carries out transactions of contracts that have a package of their own. It is safe for
// concurrent use, also from several processes.
type Transactor interface {
	// Transact carries out fn in one transaction, wholly or not at all; it is on disk when nil is
	// returned. fn may be carried out again, so it keeps nothing of a former time.
	Transact(ctx context.Context, what string, fn func(Tx) error) error
	// View runs fn, which only reads. It may see what is committed while it runs.
	View(ctx context.Context, what string, fn func(Tx) error) error
}
