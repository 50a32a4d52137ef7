package store

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
