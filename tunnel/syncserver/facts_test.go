package syncserver_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// dataset makes rows of texts such as "CMS_Document DocumentID=7 DocumentName=Home".
func dataset(rows ...string) syncserver.Dataset {
	d := syncserver.Dataset{Root: "NewDataSet"}
	for _, r := range rows {
		words := strings.Fields(r)
		row := syncserver.Row{Table: words[0]}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			row.Columns = append(row.Columns, syncserver.Column{Name: name, Value: value})
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

func taskOf(kind, object string, rows ...string) syncserver.Task {
	return syncserver.Task{
		Type: kind, ObjectType: syncserver.Text{Set: object != "", Value: object}, Data: dataset(rows...),
		UserName: syncserver.Text{Set: true, Value: "editor"},
	}
}

func TestFacts(t *testing.T) {
	for _, tt := range []struct {
		name string
		task syncserver.Task
		want refusal.About
		rows string
	}{
		{"a page by its path", taskOf("UpdateDocument", "", "CMS_Tree NodeAliasPath=/home", "CMS_Document DocumentName=Home"),
			refusal.About{Object: "document", Name: "/home"}, "cms_tree,cms_document"},
		{"a page by its name", taskOf("UpdateDocument", "", "CMS_Document DocumentID=1 DocumentName=Home"),
			refusal.About{Object: "document", Name: "Home"}, "cms_document"},
		{"a file", taskOf("CreateObject", "Media.File", "Media_File FileName=logo FilePath=brand/logo.png"),
			refusal.About{Object: "media.file", Name: "brand/logo.png"}, "media_file"},
		{"a folder", taskOf("MoveMediaFolder", "media.library", "FolderData SourcePath=a TargetPath=b"),
			refusal.About{Object: "folder", Name: "b"}, "folderdata"},
		{"by any name", taskOf("UpdateObject", "customtableitem.shop.city", "Shop_City ItemID=1 CityName=Brno"),
			refusal.About{Object: "customtableitem.shop.city", Name: "Brno"}, "shop_city"},
		{"the site of a translation", taskOf("UpdateDocument", "",
			"ObjectTranslation ObjectType=cms.class CodeName=no", "ObjectTranslation ObjectType=CMS.Site CodeName=corporate",
			"CMS_Document DocumentName=Home"),
			refusal.About{Object: "document", Name: "Home", Site: "corporate"}, "objecttranslation,cms_document"},
		{"nothing", taskOf("UpdateDocument", ""), refusal.About{Object: "document"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Task, tt.want.User = tt.task.Type, "editor"
			if got := tt.task.Facts(); got.About != tt.want || strings.Join(got.Tables, ",") != tt.rows {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestContent: what a server sets by itself is no change; anything else is.
func TestContent(t *testing.T) {
	base := taskOf("UpdateDocument", "", "CMS_Document DocumentID=7 DocumentName=Home DocumentModifiedWhen=1 DocumentModifiedByUserID=1 NodeParentID=3")
	for name, tt := range map[string]struct {
		rows []string
		same bool
	}{
		"times, users and the number of the row": {[]string{"CMS_Document DocumentID=9 DocumentName=Home DocumentModifiedWhen=2 DocumentModifiedByUserID=5 NodeParentID=3"}, true},
		"without them":                           {[]string{"CMS_Document DocumentID=7 DocumentName=Home NodeParentID=3"}, true},
		"another name":                           {[]string{"CMS_Document DocumentID=7 DocumentName=Away NodeParentID=3"}, false},
		"another parent":                         {[]string{"CMS_Document DocumentID=7 DocumentName=Home NodeParentID=4"}, false},
		"a row more":                             {[]string{"CMS_Document DocumentID=7 DocumentName=Home NodeParentID=3", "CMS_Tree NodeID=1"}, false},
		"columns moved":                          {[]string{"CMS_Document DocumentID=7 NodeParentID=3 DocumentName=Home"}, false},
		"another table":                          {[]string{"CMS_Tree DocumentID=7 DocumentName=Home NodeParentID=3"}, false},
		"text that follows":                      {[]string{`CMS_Document DocumentID=7 DocumentName=Home\nnodeparentid\n3`}, false},
	} {
		other := taskOf("UpdateDocument", "", tt.rows...)
		if got := other.Content() == base.Content(); got != tt.same {
			t.Errorf("%s: the same is %v", name, got)
		}
	}
	for _, other := range []syncserver.Task{
		{Type: "PublishDocument", Data: base.Data}, {Type: base.Type, ObjectType: syncserver.Text{Set: true, Value: "a"}, Data: base.Data},
		{Type: base.Type, Data: base.Data, Binary: dataset("BinaryData FileName=a")},
	} {
		if other.Content() == base.Content() {
			t.Errorf("%+v is the same", other)
		}
	}
}

// TestState: how an object is, whatever becomes of it and whatever it is told from.
func TestState(t *testing.T) {
	const row = "CMS_Document DocumentID=7 DocumentName=Home DocumentModifiedWhen=1"
	base := taskOf("UpdateDocument", "", row)
	for name, tt := range map[string]struct {
		task syncserver.Task
		same bool
	}{
		"deleted":         {taskOf("DeleteDocument", "", row), true},
		"at another time": {taskOf("UpdateDocument", "", strings.Replace(row, "When=1", "When=2", 1)), true},
		"with a site":     {taskOf("UpdateDocument", "", "ObjectTranslation ObjectType=cms.site CodeName=a", row), true},
		"another name":    {taskOf("UpdateDocument", "", strings.Replace(row, "Home", "Away", 1)), false},
		"a row more":      {taskOf("UpdateDocument", "", row, "CMS_Tree NodeID=1 NodeName=a"), false},
	} {
		if got := tt.task.State() == base.State(); got != tt.same {
			t.Errorf("%s: the same is %v", name, got)
		}
	}
}

// TestADocumentIsReadAsItWasWritten, and judged as a task of who says that he sent it.
func TestADocumentIsReadAsItWasWritten(t *testing.T) {
	const assembly = "CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9"
	p := syncserver.Peer{Name: "dev", Assembly: assembly, Upstream: syncserver.Gateway}
	was := taskOf("UpdateDocument", "", `CMS_Document DocumentID=7 DocumentName=<&>"größe`)
	was.Data.Root, was.UserName = "NewDataSet", syncserver.Text{Set: true, Value: "editor"}
	document := was.Document(assembly)
	got, err := p.Read(document)
	if err != nil || got.Content() != was.Content() || got.UserName != was.UserName || got.Servers != nil || got.Document(assembly) != document {
		t.Errorf("%+v, %v", got, err)
	}
	p.RunAs = syncserver.Text{Set: true, Value: "stager"}
	if got, err := p.Read(document); err != nil || got.UserName.Value != "stager" {
		t.Errorf("%+v, %v", got.UserName, err)
	}
	p.Limits = syncserver.DefaultLimits()
	p.Limits.Value = 3
	for name, read := range map[string]func() error{
		"a value that is too long": func() error { _, err := p.Read(document); return err },
		"another assembly":         func() error { _, err := syncserver.Peer{Assembly: "x", Upstream: "y"}.Read(document); return err },
		"of nobody":                func() error { _, err := syncserver.Peer{}.Read(document); return err },
		"a deletion": func() error {
			gone := was
			gone.Type = "DeleteDocument"
			_, err := syncserver.Peer{Assembly: assembly, Upstream: "y"}.Read(gone.Document(assembly))
			return err
		},
	} {
		if read() == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestKey(t *testing.T) {
	page := func(culture string) syncserver.Task {
		return taskOf("UpdateDocument", "", "ObjectTranslation NodeGUID=0", "CMS_Document DocumentID=1 NodeGUID=AB DocumentCulture="+culture)
	}
	same := [][2]syncserver.Task{
		{page("en-US"), page("EN-us")},
		{page("en-US"), taskOf("PublishDocument", "", "CMS_Document DocumentName=x NodeGUID=ab DocumentCulture=en-US")},
		{taskOf("UpdateObject", "media.file", "Media_File FileName=a FileGUID=1"), taskOf("CreateObject", "Media.File", "Media_File FileName=b FileGUID=1")},
		{taskOf("UpdateObject", "media.file", "Media_File FileName=a"), taskOf("UpdateObject", "media.file", "Media_File FileName=a FileSize=2")},
	}
	other := [][2]syncserver.Task{
		{page("en-US"), page("de-DE")},
		{page("en-US"), taskOf("UpdateObject", "media.file", "Media_File FileGUID=ab DocumentCulture=en-US")},
		{taskOf("UpdateObject", "media.file", "Media_File FileName=a FileGUID=1"), taskOf("UpdateObject", "media.file", "Media_File FileName=a FileGUID=2")},
		{taskOf("CreateMediaFolder", "", "FolderData TargetPath=a LibraryGUID=1"), taskOf("CreateMediaFolder", "", "FolderData TargetPath=b LibraryGUID=1")},
	}
	for i, p := range same {
		if p[0].Key() != p[1].Key() {
			t.Errorf("pair %d: %q and %q", i, p[0].Key(), p[1].Key())
		}
	}
	for i, p := range other {
		if p[0].Key() == p[1].Key() {
			t.Errorf("pair %d are both %q", i, p[0].Key())
		}
	}
}

func TestProcessed(t *testing.T) {
	for _, tt := range []struct{ have, add, want string }{
		{"", "dev stagelock", "dev stagelock"}, {"dev", "dev stagelock", "dev stagelock"}, {"DEV StageLock", "dev stagelock", "DEV StageLock"},
		{"a dev b", "dev stagelock", "a dev b stagelock"}, {"a", "", "a"}, {"", "", ""},
	} {
		task := syncserver.Task{Servers: strings.Fields(tt.have)}
		got, err := task.Processed(strings.Fields(tt.add)...)
		if err != nil || !slices.Equal(got.Servers, strings.Fields(tt.want)) {
			t.Errorf("%q and %q: %q, %v", tt.have, tt.add, got.Servers, err)
		}
		if !slices.Equal(task.Servers, strings.Fields(tt.have)) {
			t.Errorf("the task itself was changed: %q", task.Servers)
		}
	}
	full := syncserver.Task{}
	for i := range 63 {
		full.Servers = append(full.Servers, "s"+string(rune('A'+i%26))+string(rune('a'+i/26)))
	}
	if _, err := full.Processed("dev"); err != nil {
		t.Errorf("64 servers: %v", err)
	}
	if got, err := full.Processed("dev", "stagelock"); err == nil || got.Type != "" || got.Servers != nil {
		t.Errorf("65 servers: %v", got.Servers)
	}
	if _, err := full.Processed("a;b"); err == nil {
		t.Error("a name with a semicolon is taken")
	}
}

// TestALoopThatIsAnEcho is returned to be answered; any other is refused.
func TestALoopThatIsAnEcho(t *testing.T) {
	m := with(update(), func(m *message) { m.servers = ";live;dev;" })
	for _, echo := range []bool{true, false} {
		p := peer(t)
		p.Echo = func(got syncserver.Task) bool { return echo && got.Type == "UpdateDocument" }
		got, err := p.Admit(strings.NewReader(m.String()), created, book())
		if echo && (err != nil || !got.Looped) || !echo && codeOf(t, err) != refusal.Loop {
			t.Errorf("echo %v: %v, %v", echo, got.Looped, err)
		}
	}
	if got, err := peer(t).Admit(strings.NewReader(update().String()), created, book()); err != nil || got.Looped {
		t.Errorf("%v, %v", got.Looped, err)
	}
}

// TestARefusedTaskIsNamed: the log says which it was; what was refused before it was read has no name.
func TestARefusedTaskIsNamed(t *testing.T) {
	for code, m := range map[refusal.Code]message{
		refusal.TaskDenied:  with(update(), func(m *message) { m.kind = "DeleteDocument" }),
		refusal.Credentials: with(update(), func(m *message) { m.token = wsToken("AAAAAAAAAAAAAAAAAAAAAAAAAAA=") }),
	} {
		_, err := peer(t).Admit(strings.NewReader(m.String()), created, book())
		var r *refusal.Error
		_ = errors.As(err, &r)
		want := refusal.About{}
		if code == refusal.TaskDenied {
			want = refusal.About{Task: "DeleteDocument", Object: "document", Name: "Home & garden", User: "editor"}
		}
		if r == nil || r.Code != code || r.About != want {
			t.Errorf("%s: %+v", code, r)
		}
	}
}

// TestGatewaysAreNoServers: the last name is that before the gateway's.
func TestGatewaysAreNoServers(t *testing.T) {
	for servers, misnamed := range map[string]bool{";dev;stagelock;": false, ";a;STAGELOCK;": true, ";stagelock;": false, ";stagelock;dev;": false} {
		m := with(update(), func(m *message) { m.servers = servers })
		got, err := peer(t).Admit(strings.NewReader(m.String()), created, book())
		if err != nil || got.Misnamed != misnamed {
			t.Errorf("%q: %v, %v", servers, got.Misnamed, err)
		}
	}
}
