package syncserver

import (
	"maps"
	"slices"
	"strings"
)

// Kind is a type of tasks and the setting of a peer that opens it; empty: every peer may send it.
type Kind struct{ Type, Needs string }

// Kinds returns the types of tasks that can pass at all.
func Kinds() []Kind {
	var all []Kind
	for _, set := range []struct {
		types map[string]bool
		needs string
	}{{ordinary, ""}, {deletes, "deletes"}, {sites, "sites"}, {acl, "acl"}} {
		for _, t := range slices.Sorted(maps.Keys(set.types)) {
			all = append(all, Kind{t, set.needs})
		}
	}
	return all
}

// Rows are the tables whose rows may come with a type of objects.
type Rows struct {
	Object string // document for pages, folder for those of media libraries, a star for any name
	Tables []string
}

// Objects returns the types of objects that travel to every peer, with their tables.
func Objects() []Rows {
	var all []Rows
	for _, kind := range slices.Sorted(maps.Keys(tables)) {
		name := kind
		if name == "" {
			name = "document"
		}
		all = append(all, Rows{name, tables[kind]})
	}
	return append(all, Rows{"customtableitem.*", []string{"the table of its class", "objecttranslation"}})
}

// Dangerous returns the patterns of object types, and of tables as if the first underscore were a dot, that
// travel only where dangerous_types and tables name them.
func Dangerous() []string { return slices.Clone(dangerous) }

// Judge says whether the peer may send a task of that type with rows of those tables, whatever is in them;
// without tables, with a row of the first that belongs to it. The error is a *refusal.Error.
func (p Peer) Judge(kind, object string, rows []string) error {
	t := Task{Type: kind, ObjectType: Text{Set: object != "", Value: object}, Servers: []string{p.Name}}
	if len(rows) == 0 {
		rows = p.allowed(about(t))[:min(1, len(p.allowed(about(t))))]
	}
	for _, table := range rows {
		t.Data.Rows = append(t.Data.Rows, Row{Table: table, Columns: []Column{{Name: "A"}}})
	}
	if !p.RunAs.Set {
		for name, guid := range p.Users { // any of them: as whom is not asked
			t.UserName, t.UserGUID = Text{Set: true, Value: name}, guid
			break
		}
	}
	_, err := p.judge(t, DefaultLimits())
	return err
}

// Setting returns the setting of a peer that could open a task of that type; empty: none.
func Setting(kind string) string {
	for _, k := range Kinds() {
		if strings.EqualFold(k.Type, kind) {
			return k.Needs
		}
	}
	return ""
}
