// Package manifest reads manifest.xml, as a stream of tokens and within limits, and sums up what an archive
// holds.
package manifest
