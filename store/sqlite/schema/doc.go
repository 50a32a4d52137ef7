// Package schema opens SQLite files and brings them to the newest of their migrations. A file that is not there is
// made beside its place and moved there when it is whole, so that no other start ever meets half of one.
package schema
