// Package claims knows who has a staging request: the calls that are under way of it, here and at gateways
// that share the store, the publish that an archive is in now, and who cleans up one that was abandoned.
// A publish that goes on after a long pause and the clean-up of it exclude each other.
package claims
