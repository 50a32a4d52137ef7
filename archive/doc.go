// Package archive reads, checks and writes LAR archives: ZIP files that carry the content of a site
// from one portal to another.
//
// ZIP says everything about an entry twice, and readers differ in which half they believe. Open
// therefore accepts only archives in which a reader of the central directory and a reader of the
// stream see the same names with the same bytes: local headers without a gap from the first byte,
// each of them said once in the directory and in agreement with it, then the directory, then the
// end record. What no reader looks at, such as versions, times, comments and the extra fields of
// packers, may be as it likes: people pack archives with their own tools. Verify and the readers of
// entries hold the content to what the headers declared.
//
// Rooms around it: record has the records of a ZIP file, refusal which rule was broken, where, and what to do,
// manifest reads what an archive holds, parts cuts it as the vendor's sender does, and repack writes what is
// only oddly packed anew.
package archive
