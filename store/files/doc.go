// Package files keeps the audit log as plain files: one record a line, in segments that carry the
// number of their first record in their name, so that tail, grep and jq read it and copying a
// folder is a backup.
package files
