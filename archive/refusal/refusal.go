package refusal

import (
	"errors"
	"fmt"
)

// Code names the rule that an archive broke; it is stable and safe to count and to alert on.
type Code string

// The codes of refusals.
const (
	CodeEnd        Code = "end-record"      // no end record where it belongs, or one that contradicts itself
	CodeComment    Code = "comment"         // a comment of the archive that does not end with it
	CodeZIP64      Code = "zip64"           // ZIP64 where it is not needed, absent where it is, or inconsistent
	CodeDirectory  Code = "directory"       // the central directory does not fill its place
	CodeCentral    Code = "central-record"  // a central record that no exporter writes
	CodeLocal      Code = "local-header"    // a local header is missing or not equal to its central record
	CodePrefix     Code = "prefix"          // bytes before the first entry
	CodeGap        Code = "gap"             // bytes that belong to no entry
	CodeOverlap    Code = "overlap"         // two entries share bytes
	CodeDescriptor Code = "data-descriptor" // a data descriptor that is not complete or not consistent
	CodeForeign    Code = "not-an-archive"  // another kind of file, such as a page of HTML
	CodeVersion    Code = "version"         // a version needed to extract later than 6.3
	CodeMethod     Code = "method"          // a method other than stored and deflated
	CodeFlags      Code = "flags"           // encryption, patches and the like
	CodeExtra      Code = "extra-field"     // an extra field that is malformed, or changes an entry
	CodeMode       Code = "mode"            // a symbolic link, device or other special file
	CodeName       Code = "name"            // a name with forbidden characters or in another form than NFC
	CodePath       Code = "path"            // a path that is absolute, empty in places, or leaves the archive
	CodeDuplicate  Code = "duplicate"       // two names are equal, also when case is ignored
	CodeEntries    Code = "limit-entries"   // more entries than allowed
	CodeEntrySize  Code = "limit-entry"     // an entry is larger than allowed
	CodeTotalSize  Code = "limit-total"     // all entries together are larger than allowed
	CodeRatio      Code = "ratio"           // an entry inflates more than allowed
	CodeSize       Code = "size"            // the content is not as long as declared
	CodeCRC        Code = "crc"             // the content has another checksum than declared
	CodeData       Code = "data"            // the compressed bytes are no deflate stream, or more than one
	CodeManifest   Code = "manifest"        // manifest.xml is missing or lacks what every exporter writes
	CodeXML        Code = "xml"             // XML that is not well formed or uses what no exporter uses
	CodeXMLLimit   Code = "xml-limit"       // XML that is deeper, wider or longer than allowed
	CodeParts      Code = "parts"           // names of parts that are not one complete series
	CodeDigest     Code = "digest"          // the joined archive has another MD5 than announced
)

// Refusal says which rule an archive broke, and where.
type Refusal struct {
	Code   Code
	Entry  string // name of the entry as far as it was known, may hold any bytes
	Index  int    // index of the entry in the central directory, -1 when it concerns none
	Offset int64  // where in the archive the offending record or entry begins, -1 when it has no place
	Msg    string
	Err    error // cause, if any

	cure string // what to do, if it is not that of the code
}

// Error tells the entry by its index: its name may be the attack.
func (r *Refusal) Error() string {
	msg := r.Msg
	if r.Err != nil {
		msg += ": " + r.Err.Error()
	}
	if r.Index < 0 {
		return msg
	}
	return fmt.Sprintf("entry %d: %s", r.Index, msg)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// CodeOf returns the code of the refusal in err's chain, or the empty string if there is none: then
// err is about reading, not about the archive.
func CodeOf(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// New returns the refusal of that code that concerns no entry yet.
func New(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Index: -1, Offset: -1, Msg: fmt.Sprintf(format, args...)}
}

// At adds the place, unless a deeper step knew it already.
func (r *Refusal) At(index int, name string, offset int64) *Refusal {
	r.Index, r.Entry = index, name
	if r.Offset < 0 {
		r.Offset = offset
	}
	return r
}
