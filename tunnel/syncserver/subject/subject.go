package subject

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// Subject is what a task makes of which object.
type Subject struct {
	Object  sync.Object // <site>/kentico.<object type>/<GUID>, of a page with its culture, of a folder its path
	Deleted bool
	Title   string
	Author  string
	Needs   []sync.Object // at most as many as a change may have
	Made    time.Time     // when the object was edited, by its server's clock; zero: the task does not say
	Content string        // see syncserver.Task.Content
	State   string        // see syncserver.Task.State
}

// Prefix begins the kinds of objects that come as tasks.
const Prefix = "kentico."

// Global is the site of objects that belong to none.
const Global = "global"

// maxNeeds is how many objects a change may need.
const maxNeeds = 32

// Of returns what a task is about. Its error is a *refusal.Error.
func Of(t syncserver.Task) (Subject, error) {
	f := t.Facts()
	s := Subject{Deleted: deletes(t.Type), Title: sync.Line(f.Name), Author: sync.Line(f.User),
		Content: t.Content(), State: t.State()}
	if severalObjects[t.Type] {
		return s, refusal.New(refusal.TaskDenied, "the task %s is about more than one object: delete each by itself", t.Type)
	}
	site := strings.ToLower(f.Site)
	if site == "" {
		site = Global
	}
	r := reader{t: t, site: site}
	kind, id := r.name()
	if id == "" {
		return s, refusal.New(refusal.BadData, "a task %s that does not say with a GUID what it is about", t.Type)
	}
	var err error
	s.Object, err = sync.ParseObject(site + "/" + kind + "/" + id + suffix(t.Type))
	if err != nil || s.Object.Kind() != kind { // a / in the name of a site would make another kind of it
		return s, refusal.New(refusal.BadData, "an object that cannot be named: %s of %s", refusal.Brief(id), refusal.Brief(site))
	}
	s.Needs, s.Made = r.needs(s.Object), r.made()
	return s, nil
}

// severalObjects are the types of tasks that no single object is the subject of.
var severalObjects = map[string]bool{"DeleteAllCultures": true, "DeleteMediaRootFolder": true}

func deletes(kind string) bool {
	needs, _ := kinds.Needs(kind)
	return needs == kinds.Deletes || kind == "RemoveFromSite"
}

// suffix tells what a task says beside an object from the object: it is not to be lost behind the object's next edit.
func suffix(kind string) string {
	switch needs, _ := kinds.Needs(kind); needs {
	case kinds.Sites:
		return "/site"
	case kinds.ACL:
		return "/acl"
	}
	return ""
}

// Deletion returns the task that deletes what t has put; false if that is not known.
func Deletion(t syncserver.Task) (syncserver.Task, bool) {
	switch {
	case t.Type == "CreateMediaFolder":
		t.Type = "DeleteMediaFolder"
	case t.Type == "AddToSite":
		t.Type = "RemoveFromSite"
	case strings.HasSuffix(t.Type, "Document"), t.Type == "ChangePageUrlPathSlug":
		t.Type = "DeleteDocument"
	case strings.HasSuffix(t.Type, "Object"):
		t.Type = "DeleteObject"
	default:
		return syncserver.Task{}, false
	}
	t.Binary = syncserver.Dataset{}
	return t, true
}

// reader looks into the rows of a task.
type reader struct {
	t    syncserver.Task
	site string
}

func isTranslation(r syncserver.Row) bool { return strings.EqualFold(r.Table, "ObjectTranslation") }

// value returns a column of a row; its name is compared without case.
func value(r syncserver.Row, name string) string {
	for _, c := range r.Columns {
		if strings.EqualFold(c.Name, name) {
			return c.Value
		}
	}
	return ""
}

// find returns the first value of a column in the rows of the object.
func (r reader) find(name string) string {
	for _, row := range r.t.Data.Rows {
		if v := value(row, name); v != "" && !isTranslation(row) {
			return v
		}
	}
	return ""
}

// ending returns the first value of the main row whose column has that end.
func (r reader) ending(end string) string {
	for _, row := range r.t.Data.Rows {
		if isTranslation(row) {
			continue
		}
		for _, c := range row.Columns {
			if strings.HasSuffix(strings.ToLower(c.Name), end) && c.Value != "" {
				return c.Value
			}
		}
		return ""
	}
	return ""
}

func (r reader) folder() bool { return strings.HasSuffix(r.t.Type, "Folder") }

func (r reader) page() bool { return !r.folder() && r.t.ObjectType.Value == "" }

// own are the GUIDs of object types whose row has others too.
var own = map[string]string{"media.file": "FileGUID", "media.library": "LibraryGUID"}

// name returns the kind, and the id on every server; an empty id if the task does not say.
func (r reader) name() (kind, id string) {
	object := strings.ToLower(r.t.ObjectType.Value)
	switch {
	case r.folder():
		library, path := plain(r.library()), r.path()
		if library == "" || path == "" {
			return "", ""
		}
		return Prefix + "folder", library + "/" + path
	case r.page():
		return Prefix + "document", r.pageID()
	case own[object] != "":
		return kindOf(object), plain(r.find(own[object]))
	case strings.HasPrefix(object, "customtableitem."):
		return kindOf(object), plain(r.find("ItemGUID"))
	}
	return kindOf(object), plain(r.ending("guid"))
}

// kindOf is the kind of an object type, which has no underscore.
func kindOf(object string) string { return Prefix + strings.ReplaceAll(object, "_", "-") }

func (r reader) pageID() string {
	id, culture := plain(r.find("NodeGUID")), strings.ToLower(r.find("DocumentCulture"))
	if id == "" {
		id = plain(r.find("DocumentGUID"))
	}
	if id != "" && culture != "" {
		id += "/" + culture
	}
	return id
}

// path is where a folder lies. File systems of the vendor's servers do not tell cases apart.
func (r reader) path() string {
	for _, name := range []string{"TargetPath", "SourcePath", "LibraryFolder", "FolderPath"} {
		if v := strings.Trim(r.find(name), "/"); v != "" {
			return strings.ToLower(v)
		}
	}
	return ""
}

func (r reader) library() string {
	if v := r.find("LibraryGUID"); v != "" {
		return v
	}
	for _, row := range r.t.Data.Rows {
		if isTranslation(row) && typeOf(row) == "media.library" {
			return guidOf(row)
		}
	}
	return ""
}

var guidForm = regexp.MustCompile(`^[0-9a-z-]{1,64}$`)

// plain is a GUID in one form, empty if it is none.
func plain(guid string) string {
	guid = strings.ToLower(strings.Trim(guid, "{} "))
	if !guidForm.MatchString(guid) {
		return ""
	}
	return guid
}

// typeOf returns the object type that a row of ObjectTranslation is about.
func typeOf(r syncserver.Row) string {
	if v := value(r, "ObjectType"); v != "" {
		return strings.ToLower(v)
	}
	return strings.ToLower(value(r, "ClassName"))
}

// guidOf returns the GUID that a row of ObjectTranslation is about.
func guidOf(r syncserver.Row) string {
	for _, name := range []string{"GUID", "ObjectGUID"} {
		if v := value(r, name); v != "" {
			return v
		}
	}
	return ""
}

// nodes are the object types under which a page stands in ObjectTranslation.
var nodes = []string{"cms.node", "cms.tree", "cms.document"}

// needs are the page above a page and the library of a file or folder, as far as the task says their GUIDs.
func (r reader) needs(self sync.Object) (all []sync.Object) {
	for _, row := range r.t.Data.Rows {
		if len(all) == maxNeeds {
			break
		}
		if o, ok := r.needed(row); ok && o != self && !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	if p := plain(r.find("NodeParentGUID")); p != "" && r.page() && len(all) == 0 {
		all = append(all, sync.Object(r.site+"/"+Prefix+"document/"+p+r.culture()))
	}
	return all
}

// culture ends the name of a page in the culture of this one.
func (r reader) culture() string {
	if c := strings.ToLower(r.find("DocumentCulture")); c != "" {
		return "/" + c
	}
	return ""
}

// needed returns what a row of ObjectTranslation says is needed.
func (r reader) needed(row syncserver.Row) (o sync.Object, ok bool) {
	id, kind := plain(guidOf(row)), ""
	if !isTranslation(row) || id == "" {
		return "", false
	}
	switch object := typeOf(row); {
	case r.page() && r.isParent(row) && slices.Contains(nodes, object):
		kind, id = Prefix+"document", id+r.culture()
	case !r.page() && object == "media.library":
		kind = kindOf(object)
	default:
		return "", false
	}
	o, err := sync.ParseObject(r.site + "/" + kind + "/" + id)
	return o, err == nil
}

func (r reader) isParent(row syncserver.Row) bool {
	parent := r.find("NodeParentID")
	return parent != "" && value(row, "ID") == parent
}

// made is when the object was edited: a time without its zone says nothing.
func (r reader) made() time.Time {
	for _, v := range []string{r.find("DocumentModifiedWhen"), r.ending("modifiedwhen"), r.ending("lastmodified")} {
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
