// Package record reads, compares and lays out the records of a ZIP file: local headers, central records, data
// descriptors, extra fields, the end records, and the names of entries.
package record
