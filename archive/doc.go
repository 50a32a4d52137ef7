// Package archive reads, checks and writes LAR archives: ZIP files that carry the content of a site
// from one portal to another.
//
// ZIP says everything about an entry twice, and readers differ in which half they believe. Open
// therefore accepts one canonical form only, in which a reader of the central directory and a
// reader of the stream see the same thing: local headers without a gap from the first byte, each
// equal to its central record, then the directory, then the end record, then nothing. Verify and
// the readers of entries hold the content to what the headers declared.
//
// Manifest reads manifest.xml as a stream of tokens. Parts and Join cut an archive the way the
// vendor's sender does and put it together again.
package archive
