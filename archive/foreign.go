package archive

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

// appearance is what a file is that is no archive.
type appearance struct {
	is   func(head []byte) bool
	what string
	cure string
}

// looks are the files that people take for an archive, most of them left by what should have
// fetched one.
var looks = []appearance{
	{isHTML, "it is a page of HTML, not an archive",
		"what fetched it got a web page, perhaps the one to log in at: fetch it again and look at the first lines"},
	{prefix("version https://git-lfs.github.com/spec/"), "it is a pointer of Git LFS, not the archive itself",
		"get the archive: git lfs pull"},
	{prefix("/annex/objects/"), "it is a pointer of git-annex, not the archive itself", "get the archive: git annex get"},
	{prefix("\x1f\x8b"), "it is packed with gzip", "unpack it first: gunzip, or tar -xzf and pack its files as zip"},
	{prefix("BZh"), "it is packed with bzip2", "unpack it first: bunzip2"},
	{prefix("\xfd7zXZ\x00"), "it is packed with xz", "unpack it first: unxz"},
	{prefix("\x28\xb5\x2f\xfd"), "it is packed with Zstandard", "unpack it first: unzstd"},
	{prefix("7z\xbc\xaf\x27\x1c"), "it is in the 7z format", "unpack it, and pack its files as zip: 7z a -tzip"},
	{prefix("Rar!"), "it is in the RAR format", "unpack it, and pack its files as zip: zip -r"},
	{isTar, "it is in the tar format", "unpack it, and pack its files as zip: zip -r"},
	{isBase64, "it is written in base64", "decode it first: base64 -d"},
	{prefix("\xff\xfeP\x00K\x00"), "it is an archive that was written as text in UTF-16, as PowerShell's > does",
		"write it anew without the >, with the tool's own option for a file"},
	{isText("<?xml"), "it is a document of XML, not an archive",
		"name the .lar file; an error of the server that it was fetched from looks the same"},
	{isText("{"), "it is JSON, not an archive", "it may be an error of the server that it was fetched from: fetch it again"},
	{prefix("%PDF-"), "it is a document of PDF, not an archive", "name the .lar file"},
	{isHex, "it is written in hexadecimal digits", "decode it first: xxd -r -p"},
	{prefix("HTTP/"), "it is an answer of a web server with its head", "save the body alone: curl -o site.lar, without -i"},
	{isForm, "it is a form that was sent to a server, with the archive in it",
		"send the file itself: curl -T, or --data-binary @site.lar"},
	{isMail, "it is a message of mail with the archive in it", "save what is attached to it, and name that file"},
	{isZeros, "it holds nothing but zeros", "the copy of it failed: copy it again"},
	{isPlain, "it is a text, not an archive", "look at what it says; what fetched it may have got an error in its place"},
}

// recognize says what a file is in which there is no end record.
func recognize(r io.ReaderAt, size int64, err error) error {
	if size == 0 {
		return refusal.New(refusal.CodeEnd, "it is empty").Heal("export or copy it again")
	}
	head := make([]byte, min(size, 1<<10))
	if err := record.ReadAt(r, head, 0); err != nil {
		return fmt.Errorf("read beginning: %w", err)
	}
	for _, l := range looks {
		if l.is(head) {
			return refusal.New(refusal.CodeForeign, "%s", l.what).Heal(l.cure)
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x07\x08PK\x03\x04")):
		return refusal.New(refusal.CodeForeign, "it is one piece of an archive in several").
			Heal("join the pieces first: zip -s 0 site.zip --out site.lar")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) && !strings.Contains(err.Error(), "behind"):
		return refusal.New(refusal.CodeEnd,
			"it begins as an archive and is cut off: after %d bytes its list of entries is missing", size).
			Heal("copy or export it again, and compare the lengths; if it is a part of an upload, stagelock archive join has the rest")
	}
	return err
}

// wrapped says what an archive is wrapped in whose end was found and whose entries are elsewhere.
func wrapped(r io.ReaderAt, size int64, err error) error {
	head := make([]byte, min(size, 1<<10))
	if record.ReadAt(r, head, 0) != nil || bytes.HasPrefix(head, []byte("PK")) {
		return err
	}
	for _, l := range looks {
		if l.is(head) {
			return refusal.New(refusal.CodeForeign, "%s", l.what).Heal(l.cure)
		}
	}
	return err
}

func prefix(p string) func([]byte) bool {
	return func(b []byte) bool { return bytes.HasPrefix(b, []byte(p)) }
}

// trimmed is the beginning of a text without the mark and the blanks before it, in lower case.
func trimmed(b []byte) string {
	return strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\ufeff")), " \t\r\n")))
}

func isText(begin string) func([]byte) bool {
	return func(b []byte) bool { return strings.HasPrefix(trimmed(b), begin) }
}

func isHTML(b []byte) bool {
	s := trimmed(b)
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<script"} {
		if strings.HasPrefix(s, tag) {
			return true
		}
	}
	return strings.HasPrefix(s, "<") && strings.Contains(s, "<html")
}

func isTar(b []byte) bool { return len(b) >= 262 && string(b[257:262]) == "ustar" }

func isZeros(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// isHex knows the beginning of an archive in digits, also those of a dump with offsets.
func isHex(b []byte) bool {
	s := strings.ReplaceAll(trimmed(b[:min(len(b), 40)]), " ", "")
	_, dumped, _ := strings.Cut(s, ":")
	return strings.HasPrefix(s, "504b0304") || strings.HasPrefix(dumped, "504b0304") || strings.HasPrefix(s, "00000000504b0304")
}

// isMail knows the fields that a message of mail begins with, or one part of it.
func isMail(b []byte) bool {
	s := trimmed(b)
	for _, field := range []string{"mime-version:", "content-type:", "content-transfer-encoding:", "content-disposition:",
		"received:", "return-path:"} {
		if strings.HasPrefix(s, field) {
			return true
		}
	}
	return false
}

// isForm knows the beginning of a form with a file in it.
func isForm(b []byte) bool {
	s := trimmed(b)
	return strings.HasPrefix(s, "--") && strings.Contains(s, "content-disposition: form-data")
}

// isPlain reports whether b is the beginning of a text, which may be cut within a character.
func isPlain(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax || r < ' ' && !strings.ContainsRune("\t\r\n\f", r) {
			return false
		}
		b = b[n:]
	}
	return true
}

// isBase64 knows the beginning of an archive under it, also behind a data URL.
func isBase64(b []byte) bool {
	s := strings.TrimSpace(string(b))
	if _, data, ok := strings.Cut(s, ";base64,"); ok && strings.HasPrefix(s, "data:") {
		s = data
	}
	if len(s) < 8 {
		return false
	}
	head, err := base64.StdEncoding.DecodeString(s[:8])
	return err == nil && bytes.HasPrefix(head, []byte("PK"))
}
