package operate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kentico writes a configuration of a gateway before a Kentico, with more lines of its one peer.
func kentico(t *testing.T, peer ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := `names: [gw.example.com]
hosts: { allow: [10.2.0.5, 10.1.0.2, 10.1.0.3] }
data: ` + dir + `
engine: { profile: kentico, upstream: { nodes: ["https://10.2.0.5"] } }
kentico:
  name: live
  receives: { user: staging, secret: { value: a } }
  sends: { user: own, secret: { value: b }, addresses: [10.2.0.5] }
  peers:
    - name: dev
      users: [editor=6f9619ff-8b86-d011-b42d-00cf4fc964ff]
      sends: { user: from-dev, addresses: [10.1.0.2], secret: { value: c } }
      target: { url: "https://dev.example.com", path_context: /to-dev, user: from-live, secret: { value: d } }
`
	for _, l := range peer {
		text += "      " + l + "\n"
	}
	file := filepath.Join(dir, "stagelock.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestValidateOfAKentico(t *testing.T) {
	if code, out, errs := run(t, nil, "validate", "--config", kentico(t)); code != 0 || !strings.Contains(out+errs, "can be used") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	code, out, errs := run(t, nil, "validate", "--config", kentico(t, "run_as: nobody"))
	if code != 78 || !strings.Contains(out+errs, "stagelock.yaml:14: error: kentico.peers[0].run_as is not written as name=GUID") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestPolicyTestOfATask(t *testing.T) {
	for _, tt := range []struct {
		name  string
		peer  []string // more lines of its section
		args  []string
		code  int
		says  []string
		never string
	}{
		{"a page", nil, []string{"--from", "10.1.0.2", "--login", "from-dev"}, 0,
			[]string{"UpdateDocument to live passes", "It would pass."}, "DENY"},
		{"a file", nil, []string{"--from", "10.1.0.2", "--login", "from-dev", "--task", "CreateObject", "--object", "media.file"}, 0,
			[]string{"CreateObject media.file to live passes"}, "DENY"},
		{"of the own server, to the peer", nil, []string{"--from", "10.2.0.5", "--login", "own"}, 0,
			[]string{"peer live", "UpdateDocument to dev passes"}, "DENY"},
		{"a deletion", nil, []string{"--from", "10.1.0.2", "--login", "from-dev", "--task", "DeleteDocument"}, 77,
			[]string{"DENY task.denied", "[kentico.peers[0].deletes, ", "It would be refused."}, "It would pass"},
		{"a deletion, opened", []string{"deletes: true"}, []string{"--from", "10.1.0.2", "--login", "from-dev", "--task", "DeleteDocument"}, 0,
			[]string{"It would pass."}, "DENY"},
		{"a deletion of an object that does not travel", []string{"deletes: true"},
			[]string{"--from", "10.1.0.2", "--login", "from-dev", "--task", "DeleteObject", "--object", "shop.city"}, 77,
			[]string{"DENY task.denied", "[kentico.peers[0].tables, "}, "[kentico.peers[0].deletes"},
		{"a deletion in another case", nil, []string{"--from", "10.1.0.2", "--login", "from-dev", "--task", "deletedocument"}, 77,
			[]string{"DENY task.denied", "[kentico.peers[0], "}, ".deletes"},
		{"a role", nil, []string{"--from", "10.1.0.2", "--login", "from-dev", "--task", "UpdateObject", "--object", "CMS.Role"}, 77,
			[]string{"DENY task.denied", "[kentico.peers[0].dangerous_types"}, "It would pass"},
		{"access rights", []string{`tables: ["pages:CMS_ACL"]`}, []string{"--from", "10.1.0.2", "--login", "from-dev", "--table", "CMS_ACL"}, 77,
			[]string{"DENY task.table", "[kentico.peers[0].acl"}, "It would pass"},
		{"a table of users", nil, []string{"--from", "10.1.0.2", "--login", "from-dev", "--table", "CMS_User"}, 77,
			[]string{"DENY task.table", "kentico.peers[0].tables"}, "It would pass"},
		{"a table of one's own", []string{`tables: ["pages:Custom_Article"]`},
			[]string{"--from", "10.1.0.2", "--login", "from-dev", "--table", "custom_article", "--table", "CMS_Tree"}, 0, []string{"It would pass."}, "DENY"},
		{"a stranger", nil, []string{"--from", "10.9.9.9", "--login", "from-dev"}, 77, []string{"DENY host.denied", "hosts.allow"}, "verify"},
		{"from another address than the peer's", nil, []string{"--from", "10.1.0.3", "--login", "from-dev"}, 77,
			[]string{"DENY task.credentials", "none of its addresses", "kentico.peers[0].sends.addresses"}, "judge"},
		{"nobody's user", nil, []string{"--from", "10.1.0.2", "--login", "eve"}, 77, []string{"DENY task.credentials", `nobody sends as "eve"`}, "judge"},
		{"without a user", nil, []string{"--from", "10.1.0.2"}, 64, []string{"test needs --login"}, "pass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"policy", "test", "--config", kentico(t, tt.peer...)}, tt.args...)...)
			if all := out + errs; code != tt.code || strings.Contains(all, tt.never) {
				t.Errorf("%d %s", code, all)
			}
			for _, s := range tt.says {
				if !strings.Contains(out+errs, s) {
					t.Errorf("does not say %q:\n%s%s", s, out, errs)
				}
			}
		})
	}
}

// TestPolicyTestOfATaskThatIsKept: what is handed in and what is carried are held to the same bounds.
func TestPolicyTestOfATaskThatIsKept(t *testing.T) {
	file := kentico(t)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)[:strings.Index(string(b), "  peers:")] + `  experimental_store_and_forward: { path_context: /handed-in, run_as: "a=6f9619ff-8b86-d011-b42d-00cf4fc964ff" }
sync: { name: live, peers: [{ key: AAAAAAAAAAAAAAAAAAAA, direction: from, kinds: [kentico.document] }] }
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for task, says := range map[string]string{
		"UpdateDocument": "UpdateDocument passes, and is kept", "DeleteDocument": "[kentico.experimental_store_and_forward.deletes",
	} {
		code, out, errs := run(t, nil, "policy", "test", "--config", file, "--from", "10.2.0.5", "--login", "own", "--task", task)
		if (code == 0) != (task == "UpdateDocument") || !strings.Contains(out+errs, says) {
			t.Errorf("%s: %d %s%s", task, code, out, errs)
		}
	}
}

func TestPolicyTasks(t *testing.T) {
	code, out, errs := run(t, nil, "policy", "tasks")
	for _, s := range []string{"UpdateDocument", "DeleteObject           deletes", "BreakACLInheritance", "media_file", "cms.user*"} {
		if code != 0 || !strings.Contains(out, s) {
			t.Errorf("%d, no %q: %s %s", code, s, out, errs)
		}
	}
	var all struct {
		Types   []struct{ Type, Needs string }
		Objects []struct {
			Object string
			Tables []string
		}
		Dangerous []string `json:"dangerous_types"`
	}
	code, out, _ = run(t, nil, "policy", "tasks", "--json")
	if err := json.Unmarshal([]byte(out), &all); code != 0 || err != nil || len(all.Types) < 20 || len(all.Objects) != 5 || len(all.Dangerous) < 20 {
		t.Errorf("%d %v %s", code, err, out)
	}
	if code, _, _ := run(t, nil, "policy", "tasks", "more"); code != 64 {
		t.Errorf("an operand: %d", code)
	}
}
