package syncserver_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// TestKindsAreWhatPasses: what is shown to operators is what the rules do.
func TestKindsAreWhatPasses(t *testing.T) {
	bare := peer(t)
	open := map[string]func(p *syncserver.Peer){
		"":        func(*syncserver.Peer) {},
		"deletes": func(p *syncserver.Peer) { p.Deletes = true },
		"sites":   func(p *syncserver.Peer) { p.Sites = true },
		"acl":     func(p *syncserver.Peer) { p.ACL = true },
	}
	seen := map[string]bool{}
	for _, k := range kinds.All() {
		object := ""
		if k.Needs == "sites" || slices.Contains([]string{"UpdateObject", "CreateObject", "DeleteObject"}, k.Type) {
			object = "media.file"
		}
		p := bare
		if err := p.Judge(k.Type, object, nil); (err == nil) != (k.Needs == "") {
			t.Errorf("%s without %q: %v", k.Type, k.Needs, err)
		}
		open[k.Needs](&p)
		if err := p.Judge(k.Type, object, nil); err != nil {
			t.Errorf("%s with %q: %v", k.Type, k.Needs, err)
		}
		if setting, ok := kinds.Needs(k.Type); seen[k.Type] || !ok || setting != k.Needs {
			t.Errorf("%s stands twice, or is opened by %q", k.Type, setting)
		}
		seen[k.Type] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d kinds", len(seen))
	}
}

func TestObjectsAreWhatPasses(t *testing.T) {
	p := peer(t)
	for _, o := range kinds.Objects() {
		kind, object := "UpdateObject", o.Object
		switch object {
		case "document":
			kind, object = "UpdateDocument", ""
		case "folder":
			kind, object = "MoveMediaFolder", ""
		case "customtableitem.*":
			object, o.Tables = "customtableitem.shop.city", []string{"Shop_City"}
		}
		if err := p.Judge(kind, object, o.Tables); err != nil {
			t.Errorf("%s: %v", o.Object, err)
		}
	}
	if len(kinds.Dangerous()) < 20 {
		t.Errorf("%d patterns", len(kinds.Dangerous()))
	}
	kinds.Dangerous()[0] = "changed"
	if kinds.Dangerous()[0] == "changed" {
		t.Error("the list was changed from outside")
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name, kind, object string
		rows               []string
		change             func(p *syncserver.Peer)
		code               refusal.Code
	}{
		{"a page", "UpdateDocument", "", nil, nil, ""},
		{"a page with another table", "UpdateDocument", "", []string{"CMS_User"}, nil, refusal.TableDenied},
		{"no such type", "All", "", nil, nil, refusal.TaskDenied},
		{"users", "UpdateObject", "cms.user", nil, nil, refusal.TaskDenied},
		{"users, opened", "UpdateObject", "cms.user", []string{"CMS_User"}, func(p *syncserver.Peer) {
			p.Dangerous, p.Tables = true, map[string][]string{"cms.user": {"CMS_User"}}
		}, ""},
		{"a list of users", "UpdateDocument", "", nil, func(p *syncserver.Peer) {
			p.Users = map[string]syncserver.GUID{"editor": {1}}
		}, ""},
		{"nobody knows the server behind", "UpdateDocument", "", nil, func(p *syncserver.Peer) { p.Upstream = "" }, refusal.Loop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := peer(t)
			if tt.change != nil {
				tt.change(&p)
			}
			err := p.Judge(tt.kind, tt.object, tt.rows)
			var r *refusal.Error
			if got := errors.As(err, &r); got != (tt.code != "") || got && r.Code != tt.code {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
	if err := (syncserver.Peer{}).Judge("UpdateDocument", "", nil); err == nil {
		t.Error("the zero peer may send")
	}
}
