package subject_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/subject"
)

// row is a row written as Table Column=value Column=value; an underline stands for a blank in a value.
func row(text string) syncserver.Row {
	words := strings.Fields(text)
	r := syncserver.Row{Table: words[0]}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		r.Columns = append(r.Columns, syncserver.Column{Name: name, Value: strings.ReplaceAll(value, "_", " ")})
	}
	return r
}

func task(kind, object string, rows ...string) syncserver.Task {
	t := syncserver.Task{Type: kind, ObjectType: syncserver.Text{Set: object != "", Value: object},
		UserName: syncserver.Text{Set: true, Value: "editor"}, Data: syncserver.Dataset{Root: "NewDataSet"}}
	for _, r := range rows {
		t.Data.Rows = append(t.Data.Rows, row(r))
	}
	return t
}

const (
	site   = "ObjectTranslation ObjectType=cms.site ID=1 CodeName=Shop"
	node   = "cms_tree NodeID=7 NodeGUID={AB-01} NodeParentID=3"
	parent = "ObjectTranslation ObjectType=cms.node ID=3 CodeName=x GUID=AB-00"
	doc    = "CMS_Document DocumentID=9 DocumentGUID=D-1 DocumentCulture=en-US DocumentName=Home_page DocumentModifiedWhen=2026-01-02T03:04:05.1234567+01:00"
	file   = "Media_File FileID=4 FileLibraryID=2 FileGUID=F-1 FileName=a FilePath=x/a.png FileModifiedWhen=2026-01-02T03:04:05Z"
	lib    = "ObjectTranslation ClassName=media.library ID=2 ObjectGUID=L-1"
)

func TestOf(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pageAt := time.Date(2026, 1, 2, 2, 4, 5, 123456700, time.UTC)
	for _, tt := range []struct {
		name   string
		task   syncserver.Task
		object string
		gone   bool
		title  string
		needs  string
		made   time.Time
	}{
		{"a page", task("UpdateDocument", "", site, node, doc, parent), "shop/kentico.document/ab-01/en-us", false, "Home page",
			"[shop/kentico.document/ab-00/en-us]", pageAt},
		{"a page in another order", task("PublishDocument", "", parent, doc, node, site), "shop/kentico.document/ab-01/en-us", false,
			"Home page", "[shop/kentico.document/ab-00/en-us]", pageAt},
		{"a page that says its parent", task("CreateDocument", "", site, node+" NodeParentGUID=AB-00", doc), "shop/kentico.document/ab-01/en-us",
			false, "Home page", "[shop/kentico.document/ab-00/en-us]", pageAt},
		{"a page of which only the version has a GUID", task("UpdateDocument", "", doc), "global/kentico.document/d-1/en-us", false, "Home page", "[]", pageAt},
		{"a page without a culture", task("MoveDocument", "", node), "global/kentico.document/ab-01", false, "", "[]", time.Time{}},
		{"a time without a zone", task("UpdateDocument", "", "cms_tree NodeGUID=1 DocumentModifiedWhen=2026-01-02T03:04:05"),
			"global/kentico.document/1", false, "", "[]", time.Time{}},
		{"a deleted page", task("DeleteDocument", "", site, node, doc), "shop/kentico.document/ab-01/en-us", true, "Home page", "[]", pageAt},
		{"rights of a page", task("BreakACLInheritance", "", site, node, doc), "shop/kentico.document/ab-01/en-us/acl", false, "Home page", "[]", pageAt},
		{"a file", task("UpdateObject", "Media.File", site, file, lib), "shop/kentico.media.file/f-1", false, "x/a.png",
			"[shop/kentico.media.library/l-1]", at},
		{"a deleted file", task("DeleteObject", "media.file", site, file), "shop/kentico.media.file/f-1", true, "x/a.png", "[]", at},
		{"a library", task("UpdateObject", "media.library", site,
			"Media_Library LibraryID=2 LibraryGroupGUID=9 LibraryGUID=L-1 LibraryName=Images LibraryLastModified=2026-01-02T03:04:05Z", lib),
			"shop/kentico.media.library/l-1", false, "Images", "[]", at},
		{"a folder", task("CreateMediaFolder", "media.library", site, lib, "FolderData SourcePath= TargetPath=Images/Old/"),
			"shop/kentico.folder/l-1/images/old", false, "Images/Old/", "[shop/kentico.media.library/l-1]", time.Time{}},
		{"a deleted folder", task("DeleteMediaFolder", "", site, "Media_Library LibraryGUID=L-1", "FolderData SourcePath=Images"),
			"shop/kentico.folder/l-1/images", true, "Images", "[]", time.Time{}},
		{"a row of a table", task("UpdateObject", "customtableitem.Shop.big_City", "Shop_City ItemID=1 OtherGUID=9 ItemGUID=C-1 CityName=Rome"),
			"global/kentico.customtableitem.shop.big-city/c-1", false, "Rome", "[]", time.Time{}},
		{"another object", task("UpdateObject", "cms.role", "CMS_Role RoleID=1 RoleGUID=R-1 RoleName=a"), "global/kentico.cms.role/r-1", false,
			"a", "[]", time.Time{}},
		{"an object on a site", task("AddToSite", "cms.role", site, "CMS_Role RoleGUID=R-1"), "shop/kentico.cms.role/r-1/site", false, "", "[]", time.Time{}},
		{"an object off a site", task("RemoveFromSite", "cms.role", site, "CMS_Role RoleGUID=R-1"), "shop/kentico.cms.role/r-1/site", true, "",
			"[]", time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := subject.Of(tt.task)
			if err != nil {
				t.Fatal(err)
			}
			if string(s.Object) != tt.object || s.Deleted != tt.gone || s.Title != tt.title || fmt.Sprint(s.Needs) != tt.needs ||
				!s.Made.Equal(tt.made) || s.Author != "editor" || s.Content != tt.task.Content() || s.State != tt.task.State() {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestTasksWithoutASubject(t *testing.T) {
	for name, tt := range map[string]struct {
		task syncserver.Task
		says string
	}{
		"no rows":                {task("UpdateDocument", ""), "with a GUID"},
		"no GUID":                {task("UpdateDocument", "", "cms_tree NodeID=1", site), "with a GUID"},
		"a GUID that is none":    {task("UpdateObject", "media.file", "Media_File FileGUID=a/b"), "with a GUID"},
		"a GUID of another sort": {task("UpdateObject", "customtableitem.a.b", "a_b OtherGUID=1"), "with a GUID"},
		"a folder of no library": {task("CreateMediaFolder", "", "FolderData TargetPath=a"), "with a GUID"},
		"a folder without path":  {task("CreateMediaFolder", "", "Media_Library LibraryGUID=1"), "with a GUID"},
		"all cultures":           {task("DeleteAllCultures", "", site, node), "more than one object"},
		"all folders":            {task("DeleteMediaRootFolder", "", "Media_Library LibraryGUID=1"), "more than one object"},
		"a type that is too long": {task("UpdateObject", "a."+strings.Repeat("x", 120), "T RowGUID=1"),
			"cannot be named"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := subject.Of(tt.task)
			var r *refusal.Error
			if !errors.As(err, &r) || !strings.Contains(r.Why, tt.says) || s.Object != "" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// TestEveryKindOfTaskHasASubject, or is told that it has none.
func TestEveryKindOfTaskHasASubject(t *testing.T) {
	for _, k := range kinds.All() {
		object, rows := "", []string{site, node, doc}
		switch {
		case strings.HasSuffix(k.Type, "Folder"):
			rows = []string{"Media_Library LibraryGUID=1", "FolderData SourcePath=a TargetPath=b"}
		case strings.HasSuffix(k.Type, "Object"), k.Needs == kinds.Sites:
			object, rows = "media.file", []string{file}
		}
		s, err := subject.Of(task(k.Type, object, rows...))
		if several := strings.HasPrefix(k.Type, "DeleteAll") || k.Type == "DeleteMediaRootFolder"; (err != nil) != several {
			t.Errorf("%s: %v", k.Type, err)
		}
		if gone := strings.HasPrefix(k.Type, "Delete") || k.Type == "RemoveFromSite"; s.Deleted != gone {
			t.Errorf("%s: deleted %t", k.Type, s.Deleted)
		}
		if err != nil {
			continue
		}
		if _, err := sync.ParseObject(string(s.Object)); err != nil {
			t.Errorf("%s: %v", k.Type, err)
		}
	}
}

func TestDeletion(t *testing.T) {
	for put, want := range map[string]string{
		"UpdateDocument": "DeleteDocument", "PublishDocument": "DeleteDocument", "ChangePageUrlPathSlug": "DeleteDocument",
		"CreateObject": "DeleteObject", "UpdateObject": "DeleteObject", "AddToSite": "RemoveFromSite", "CreateMediaFolder": "DeleteMediaFolder",
		"MoveMediaFolder": "", "CopyMediaFolder": "", "RenameMediaFolder": "", "BreakACLInheritance": "", "RestoreACLInheritance": "",
	} {
		was := task(put, "media.file", file)
		was.Binary = syncserver.Dataset{Root: "NewDataSet", Rows: []syncserver.Row{row("BinaryData FileName=a")}}
		got, ok := subject.Deletion(was)
		if got.Type != want || ok != (want != "") || got.Binary.Root != "" {
			t.Errorf("%s is deleted by %+v", put, got)
		}
		if ok && (len(got.Data.Rows) != 1 || was.Binary.Root == "") {
			t.Errorf("%s: %+v", put, got)
		}
	}
}

// TestASiteIsNotAnotherKind: what may travel is told by kind and place, so that no value of a task may change these.
func TestASiteIsNotAnotherKind(t *testing.T) {
	for _, name := range []string{"Shop/kentico.document/x", "Shop/kentico.media.file", "/Shop", "Shop/"} {
		s, err := subject.Of(task("UpdateObject", "media.library", "ObjectTranslation ObjectType=cms.site CodeName="+name, "Media_Library LibraryGUID=L-1"))
		var r *refusal.Error
		if !errors.As(err, &r) || r.Code != refusal.BadData {
			t.Errorf("of the site %s it is %s, %v", name, s.Object, err)
		}
	}
}
