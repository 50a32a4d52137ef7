package syncserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// Facts are what is noted of a task.
type Facts struct {
	refusal.About
	Tables []string
	Files  int64 // bytes of Base64
}

// Facts returns what t says of its object. Nothing may be decided by it.
func (t Task) Facts() Facts {
	f := Facts{About: refusal.About{Task: t.Type, Object: about(t), User: t.UserName.Value}}
	if f.Object == "" {
		f.Object = "document"
	}
	for _, r := range t.Data.Rows {
		table := strings.ToLower(r.Table)
		if !slices.Contains(f.Tables, table) {
			f.Tables = append(f.Tables, table)
		}
		if table == "objecttranslation" {
			if kind, _ := r.lookup("ObjectType"); strings.EqualFold(kind, "cms.site") && f.Site == "" {
				f.Site, _ = r.lookup("CodeName")
			}
			continue
		}
		if f.Name == "" {
			f.Name = r.name()
		}
	}
	for _, r := range t.Binary.Rows {
		data, _ := r.lookup("FileBinaryData")
		f.Files += int64(len(data))
	}
	return f
}

// Key returns what names the object of t the same on every server: its kind, and the GUID of its row; of
// a page with its culture, of a folder its path. Where no row has a GUID it is the name.
func (t Task) Key() string {
	kind := about(t)
	for _, r := range t.Data.Rows {
		if strings.EqualFold(r.Table, "ObjectTranslation") {
			continue
		}
		for _, c := range r.Columns {
			if name := strings.ToLower(c.Name); kind != "folder" && strings.HasSuffix(name, "guid") && c.Value != "" {
				culture, _ := r.lookup("DocumentCulture")
				return escape(kind) + escape(strings.ToLower(c.Value)) + escape(strings.ToLower(culture))
			}
		}
	}
	return escape(kind) + escape(t.Facts().Name)
}

// names are the columns by which people know what a row is, the best first.
var names = []string{
	"NodeAliasPath", "DocumentNamePath", "DocumentName", "FilePath", "FileName", "AttachmentName", "LibraryName",
	"TargetPath", "SourcePath",
}

// name returns how people know what r is: by a known column, else by the first that is called a name.
func (r Row) name() string {
	for _, n := range names {
		if v, ok := r.lookup(n); ok && v != "" {
			return v
		}
	}
	for _, c := range r.Columns {
		if strings.HasSuffix(strings.ToLower(c.Name), "name") && c.Value != "" {
			return c.Value
		}
	}
	return ""
}

// Processed returns t with servers at the end of those that have it. A server that stands in the list
// already stays where it is: names are compared without case.
func (t Task) Processed(servers ...string) (Task, error) {
	all := slices.Clone(t.Servers)
	for _, s := range servers {
		if !slices.ContainsFunc(all, func(have string) bool { return strings.EqualFold(have, s) }) {
			all = append(all, s)
		}
	}
	if _, err := ParseServers(";" + strings.Join(all, ";") + ";"); err != nil && len(all) > 0 {
		return Task{}, errors.Join(errors.New("the list of servers cannot grow"), err)
	}
	t.Servers = all
	return t, nil
}

// Content returns what t makes of its object, without what a server sets by itself when it carries a task
// out: times, the users who did it, and the number of the row.
func (t Task) Content() string {
	h := sha256.New()
	write := func(parts ...string) {
		for _, p := range parts {
			h.Write([]byte(escape(p)))
		}
	}
	write(t.Type, strings.ToLower(t.ObjectType.Value))
	for _, d := range []Dataset{t.Data, t.Binary} {
		write("data")
		for _, r := range d.Rows {
			r.lasting(write)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// State returns the same of the object's own rows alone, whatever becomes of it: a task that deletes an object says
// in which state it was.
func (t Task) State() string {
	h := sha256.New()
	for _, r := range t.Data.Rows {
		if !strings.EqualFold(r.Table, "ObjectTranslation") {
			r.lasting(func(parts ...string) {
				for _, p := range parts {
					h.Write([]byte(escape(p)))
				}
			})
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// lasting writes what of r no server sets by itself.
func (r Row) lasting(write func(parts ...string)) {
	write("row", strings.ToLower(r.Table))
	for i, c := range r.Columns {
		if name := strings.ToLower(c.Name); !volatile(name, i) {
			write(name, c.Value)
		}
	}
}

var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

// escape makes texts that follow each other one text that is read in one way only.
func escape(s string) string { return escapes.Replace(s) + "\n" }

// volatile reports whether a server sets a column by itself. The number of a row is its first column.
func volatile(column string, at int) bool {
	return strings.HasSuffix(column, "modifiedwhen") || strings.HasSuffix(column, "lastmodified") ||
		strings.HasSuffix(column, "byuserid") ||
		at == 0 && strings.HasSuffix(column, "id") && !strings.HasSuffix(column, "guid")
}
