// Package reports holds what people who run content staging reported: files, archives, balancers and
// first days that went wrong. Each case is run against the binary, with the right behaviour as its
// assertions, and beside the reported input stand others of the same kind. The command "make reports"
// prints them as a table.
package reports
