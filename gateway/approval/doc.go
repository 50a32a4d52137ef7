// Package approval stands before a replica and holds changes that somebody must approve first. What is approved is
// one change, byte for byte: a newer version of the object needs an approval of its own. Nothing else
// waits behind it, but what needs it, as the engine says.
package approval
