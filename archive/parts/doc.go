// Package parts cuts an archive the way the vendor's sender does and puts it together again.
package parts
