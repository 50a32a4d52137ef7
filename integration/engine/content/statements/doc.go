// Package statements keeps what a transaction says again and again prepared: an import says the same
// few statements a hundred thousand times, and reading them costs more than carrying them out.
package statements
