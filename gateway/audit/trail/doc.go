// Package trail reads from an audit log what became of publishes, and of single calls.
package trail
