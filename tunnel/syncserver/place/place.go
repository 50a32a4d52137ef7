package place

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// signatures has what a file of an extension begins with, ? being any byte; an extension that is not here is not taken.
var signatures = map[string][]string{
	".png": {"\x89PNG\r\n\x1a\n"}, ".gif": {"GIF87a", "GIF89a"},
	".jpg": {"\xff\xd8\xff"}, ".jpeg": {"\xff\xd8\xff"}, ".webp": {"RIFF????WEBP"}, ".bmp": {"BM"},
	".tif": {"II*\x00", "MM\x00*"}, ".tiff": {"II*\x00", "MM\x00*"}, ".ico": {"\x00\x00\x01\x00"},
	".pdf": {"%PDF-"}, ".docx": {"PK\x03\x04"}, ".xlsx": {"PK\x03\x04"}, ".pptx": {"PK\x03\x04"},
	".mp3": {"ID3", "\xff\xfb", "\xff\xf3", "\xff\xf2"}, ".wav": {"RIFF????WAVE"}, ".ogg": {"OggS"},
	".webm": {"\x1a\x45\xdf\xa3"}, ".woff": {"wOFF"}, ".woff2": {"wOF2"},
	".txt": nil, ".csv": nil,
}

// executable are extensions that a server may run. No name has one in any of its dot parts.
var executable = words(`aspx ashx asmx ascx asax asa asp axd aspq cshtml vbhtml cshtm cer cdx config master
	skin browser svc soap rem resx resources refresh compile licx webinfo cs vb csproj vbproj sln java jsl
	jsp php php3 php4 php5 phtml pl py cgi shtml shtm stm xamlx rules dll exe com bat cmd ps1 psm1 vbs vbe
	js jse wsf wsh hta msi scr pif lnk mdb ldf mdf ldb ldd htaccess sh`)

var (
	segment   = regexp.MustCompile(`^[^\x00-\x1f\x7f\\:%~<>"|?*/]+$`)
	extension = regexp.MustCompile(`^\.[a-z0-9]{1,10}$`)
	device    = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)`)
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// Path reports whether s is a relative path that stays where it is, on every system.
func Path(s string) bool {
	if len(s) > 260 {
		return false
	}
	for _, part := range strings.Split(strings.TrimSuffix(s, "/"), "/") {
		if !Segment(part) {
			return false
		}
	}
	return true
}

// Segment reports whether s is one harmless name. Parts between dots count as extensions.
func Segment(s string) bool {
	if !segment.MatchString(s) || !utf8.ValidString(s) || len(s) > 260 || strings.HasSuffix(s, ".") ||
		strings.HasSuffix(s, " ") || device.MatchString(s) {
		return false
	}
	for i, part := range strings.Split(strings.ToLower(s), ".") {
		if i > 0 && executable[strings.TrimSpace(part)] {
			return false
		}
	}
	return true
}

// Extension reports whether files of an extension such as ".png" are taken.
func Extension(s string) bool {
	_, ok := signatures[s]
	return ok && extension.MatchString(s)
}

// Fits reports whether b begins as a file of an extension does. Of text, which has no signature, all
// is looked at: it is UTF-8 without a zero and does not begin as markup.
func Fits(ext string, b []byte) bool {
	begins, ok := signatures[ext]
	if ok && begins == nil { // text has no signature: no bytes of a program and no markup
		return utf8.Valid(b) && !bytes.ContainsAny(b, "\x00") && !bytes.HasPrefix(bytes.TrimSpace(b), []byte("<"))
	}
	for _, s := range begins {
		if begin(b, s) {
			return true
		}
	}
	return false
}

func begin(b []byte, signature string) bool {
	if len(b) < len(signature) {
		return false
	}
	for i := range len(signature) {
		if signature[i] != '?' && signature[i] != b[i] {
			return false
		}
	}
	return true
}

var (
	pathColumns      = words("filepath libraryfolder sourcepath targetpath")
	nameColumns      = words("filename attachmentname metafilename")
	extensionColumns = words("fileextension attachmentextension metafileextension")
)

// Column reports whether a value fits a column, whose name is in lower case: that of a path, a file's name or
// an extension has its form, every other column has any value.
func Column(column, value string) bool {
	switch {
	case pathColumns[column]:
		return Path(value)
	case nameColumns[column]:
		return Segment(value)
	case extensionColumns[column]:
		return Extension(value)
	}
	return true
}
