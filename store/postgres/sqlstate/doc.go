// Package sqlstate tells apart what a PostgreSQL server and its driver call an error: what is worth another
// try, what is one of the store's own errors, and what an operator can do about it.
package sqlstate
