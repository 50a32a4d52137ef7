// Package inflight knows what of publishes is under way in this process: the parts that stream by, the
// calls of each staging request, the publishes that are not cleaned up yet, and how many calls each peer
// has. Nothing of it outlives the process. All its types are ready to use as they are, and safe for
// concurrent use.
package inflight
