// Package store holds the records that outlive a call and the contracts of the places that keep
// them: audit events, staging requests, repeats, members, leases and values. Implementations live in
// sub-packages and pass storetest.
package store
