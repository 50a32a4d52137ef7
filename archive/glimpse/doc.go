// Package glimpse reads what an archive holds that streams by in parts and is kept by somebody else: its
// manifest, what its entries are of by their names, and what its lists of deletions name. Of each part it
// keeps little: the last bytes, what stands behind every header that names the manifest or such a list, and
// a mark for each kind of content that something like a record of a directory names. Once all parts went
// by, in whatever order, Look finds what a reader of the central directory would read, and says so if it
// was not all seen.
//
// Nothing is guessed: what is not kept is not seen. The place of the manifest comes from the archive's
// own directory, exactly one record of which may name it, and its content must have the size and the
// checksum that the record declares. The manifest may lie about what is there; the directory cannot, as
// importers find an entry by its name there. What the content of an entry is, is told by its name alone.
package glimpse
