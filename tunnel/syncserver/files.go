package syncserver

import (
	"encoding/base64"
	"strings"

	"github.com/stagelock/stagelock/tunnel/syncserver/place"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// judgePlaces holds every path, name and extension of d against its form.
func judgePlaces(d Dataset) error {
	for _, r := range d.Rows {
		for _, c := range r.Columns {
			if !place.Column(strings.ToLower(c.Name), c.Value) {
				return refusal.New(refusal.Path2749, "%s of %s is %s", c.Name, r.Table, refusal.Brief(c.Value))
			}
		}
		ext, _ := r.lookup("FileExtension")
		path, has := r.lookup("FilePath")
		if has && strings.EqualFold(r.Table, "Media_File") &&
			(ext == "" || !strings.HasSuffix(strings.ToLower(path), ext)) {
			return refusal.New(refusal.Path2749, "the file %s does not have the extension %s", refusal.Brief(path), refusal.Brief(ext))
		}
	}
	return nil
}

// judgeBinary holds the files of a task against the row that describes them.
func judgeBinary(t Task, lim Limits) error {
	if t.Binary.Root == "" {
		return nil
	}
	if !t.is("media.file") || (t.Type != "CreateObject" && t.Type != "UpdateObject") {
		return refusal.New(refusal.BadFile, "the bytes of a file in a task that has none")
	}
	ext := ""
	for _, r := range t.Data.Rows {
		if strings.EqualFold(r.Table, "Media_File") {
			if ext != "" {
				return refusal.New(refusal.BadFile, "two files in one task")
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
		return refusal.New(refusal.BadFile, "a row of %s that is no file", r.Table)
	}
	if ext == "" || !place.Segment(name) || !strings.HasSuffix(strings.ToLower(name), ext) {
		return refusal.New(refusal.Path2749, "the file %s does not have the extension %s", refusal.Brief(name), refusal.Brief(ext))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || len(b) > lim.File || base64.StdEncoding.EncodeToString(b) != data {
		return refusal.New(refusal.BadFile, "the bytes of %s are too many or not plain Base64", refusal.Brief(name))
	}
	if !place.Fits(ext, b) {
		return refusal.New(refusal.BadFile, "the bytes of %s are not those of a %s file", refusal.Brief(name), ext)
	}
	return nil
}
