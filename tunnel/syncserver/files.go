package syncserver

import (
	"bytes"
	"encoding/base64"
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
	segment   = regexp.MustCompile(`^[^\x00-\x1f\x7f\\:%~<>"|?*/]{1,260}$`)
	extension = regexp.MustCompile(`^\.[a-z0-9]{1,10}$`)
	device    = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)`)
	pathCols  = words("filepath libraryfolder sourcepath targetpath")
	nameCols  = words("filename attachmentname metafilename")
	extCols   = words("fileextension attachmentextension metafileextension")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// judgePlaces holds every path, name and extension of d against its form.
func judgePlaces(d Dataset) error {
	for _, r := range d.Rows {
		for _, c := range r.Columns {
			if !placed(strings.ToLower(c.Name), c.Value) {
				return refuse(Path2749, "%s of %s is %s", c.Name, r.Table, brief(c.Value))
			}
		}
		ext, _ := r.lookup("FileExtension")
		path, has := r.lookup("FilePath")
		if has && strings.EqualFold(r.Table, "Media_File") &&
			(ext == "" || !strings.HasSuffix(strings.ToLower(path), ext)) {
			return refuse(Path2749, "the file %s does not have the extension %s", brief(path), brief(ext))
		}
	}
	return nil
}

func placed(column, value string) bool {
	switch {
	case pathCols[column]:
		return isPath(value)
	case nameCols[column]:
		return isSegment(value)
	case extCols[column]:
		_, ok := signatures[value]
		return ok && extension.MatchString(value)
	}
	return true
}

// isPath reports whether s is a relative path that stays where it is, on every system.
func isPath(s string) bool {
	if len(s) > 260 {
		return false
	}
	for _, part := range strings.Split(strings.TrimSuffix(s, "/"), "/") {
		if !isSegment(part) {
			return false
		}
	}
	return true
}

// isSegment reports whether s is one harmless name. Parts between dots count as extensions.
func isSegment(s string) bool {
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

// judgeBinary holds the files of a task against the row that describes them.
func judgeBinary(t Task, lim Limits) error {
	if t.Binary.Root == "" {
		return nil
	}
	if !t.is("media.file") || (t.Type != "CreateObject" && t.Type != "UpdateObject") {
		return refuse(BadFile, "the bytes of a file in a task that has none")
	}
	ext := ""
	for _, r := range t.Data.Rows {
		if strings.EqualFold(r.Table, "Media_File") {
			if ext != "" {
				return refuse(BadFile, "two files in one task")
			}
			ext, _ = r.lookup("FileExtension")
		}
	}
	for _, r := range t.Binary.Rows {
		if err := judgeFile(r, ext, lim); err != nil {
			return err
		}
	}
	return nil
}

func judgeFile(r Row, ext string, lim Limits) error {
	name, _ := r.lookup("FileName")
	kind, _ := r.lookup("FileType")
	data, _ := r.lookup("FileBinaryData")
	if !strings.EqualFold(r.Table, "BinaryData") || len(r.Columns) != 3 || (kind != "default" && kind != "preview") {
		return refuse(BadFile, "a row of %s that is no file", r.Table)
	}
	if ext == "" || !isSegment(name) || !strings.HasSuffix(strings.ToLower(name), ext) {
		return refuse(Path2749, "the file %s does not have the extension %s", brief(name), brief(ext))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || len(b) > lim.File || base64.StdEncoding.EncodeToString(b) != data {
		return refuse(BadFile, "the bytes of %s are too many or not plain Base64", brief(name))
	}
	if !fits(ext, b) {
		return refuse(BadFile, "the bytes of %s are not those of a %s file", brief(name), ext)
	}
	return nil
}

func fits(ext string, b []byte) bool {
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
