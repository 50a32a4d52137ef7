// Package proof tells whether an audit log is as it was written, and what cannot be known of it.
package proof
