// Package glimpse reads the manifest of an archive that streams by in parts and is kept by somebody
// else. Of each part it keeps little: the last bytes, and what stands behind every header that names
// the manifest. Once all parts went by, in whatever order, Manifest finds the one that a reader of the
// central directory would read, and says so if it was not all seen.
//
// Nothing is guessed: what is not kept is not seen. The place of the manifest comes from the archive's
// own directory, exactly one record of which may name it, and its content must have the size and the
// checksum that the record declares.
package glimpse
