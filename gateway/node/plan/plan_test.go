package plan_test

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/integration/ports"
)

// problems returns what validate prints of a configuration: line, path and message, without the folder.
func problems(t *testing.T, text string) []string {
	t.Helper()
	file := filepath.Join(ports.Folder(t), "stagelock.yaml") // a socket lies beside it
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, found := conf.Load(conf.Options{File: file})
	if cfg != nil {
		found = append(found, plan.Check(cfg)...)
	}
	conf.Sort(found)
	var all []string
	for _, p := range found {
		all = append(all, strings.ReplaceAll(p.String(), filepath.Dir(file)+string(filepath.Separator), ""))
	}
	return all
}

const good = `listen: ["127.0.0.1:0"]
names: ["live.example.com"]
data: data
hosts:
  allow: ["10.1.2.0/24"]
engine:
  browser_url: https://www.example.com
  upstream: { nodes: ["http://127.0.0.1:8080"] }
peers:
  - name: staging
    sites: [20143]
    logins: ["publisher@example.com"]
    secret: { value: "0123456789abcdef" }
`

func TestGoodConfigurationHasNoProblem(t *testing.T) {
	if got := problems(t, good); len(got) != 0 {
		t.Errorf("problems: %s", strings.Join(got, "\n"))
	}
}

// Each row changes one line of the good configuration; the problem must name that line, what is wrong, and a cure.
func TestProblemsNameTheLine(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown key", `data: data`, "data: data\nlisen: x", "stagelock.yaml:4: lisen"},
		{"no type of content", `    sites: [20143]`, "    sites: [20143]\n    types: [pages, page]", `stagelock.yaml:12: peers[0].types[1]: "page" is no type of content`},
		{"no mapping of logins", `    sites: [20143]`, "    sites: [20143]\n    principals: ['a -> b', 'a']", `stagelock.yaml:12: peers[0].principals[1]: "a" does not say which login`},
		{"admin: a group that nobody knows", `data: data`, "data: data\nadmin: {group: no-such-group-here}", "stagelock.yaml:4: admin.group: is not known on this machine"},
		{"admin: host bits", `data: data`, "data: data\nadmin: {listen: '0.0.0.0:1', allow: [10.1.2.3/24]}", "stagelock.yaml:4: admin.allow[0]: \"10.1.2.3/24\""},
		{"admin: everybody", `data: data`, "data: data\nadmin: {listen: '0.0.0.0:1', allow: ['0.0.0.0/0']}", "stagelock.yaml:4: admin.allow[0]"},
		{"host bits", `"10.1.2.0/24"`, `"10.1.2.3/24"`, "stagelock.yaml:5: hosts.allow[0]: \"10.1.2.3/24\""},
		{"mapped prefix that is all of IPv4", `"10.1.2.0/24"`, `"::ffff:0:0/96"`, "stagelock.yaml:5: hosts.allow[0]"},
		{"short mapped prefix", `"10.1.2.0/24"`, `"::ffff:10.0.0.0/8"`, "stagelock.yaml:5: hosts.allow[0]"},
		{"octal looking", `"10.1.2.0/24"`, `"010.1.2.3"`, "stagelock.yaml:5: hosts.allow[0]"},
		{"empty allowlist", `["10.1.2.0/24"]`, `[]`, "stagelock.yaml:5: hosts.allow"},
		{"shadowed", `["10.1.2.0/24"]`, `["10.1.2.0/24", "10.1.2.7"]`, "stagelock.yaml:5: warning: hosts.allow[1]"},
		{"everybody", `"10.1.2.0/24"`, `"0.0.0.0/0"`, "stagelock.yaml:5: hosts.allow[0]"},
		{"AES-192", `"0123456789abcdef"`, `"123456789012345678901234"`, "stagelock.yaml:13: peers[0].secret.value"},
		{"16-byte DESede", `{ value: "0123456789abcdef" }`,
			`{ value: "0123456789abcdef", algorithm: DESede }`, "stagelock.yaml:13: peers[0].secret.value"},
		{"too short", `"0123456789abcdef"`, `"short"`, "stagelock.yaml:13: peers[0].secret.value"},
		{"not ASCII", `"0123456789abcdef"`, `"gehörtnichthierh"`, "stagelock.yaml:13: peers[0].secret.value"},
		{"bad hex", `{ value: "0123456789abcdef" }`, `{ value: "12345678901234zz", hex: true }`,
			"stagelock.yaml:13: peers[0].secret.value"},
		{"path context with a slash behind", "engine:\n", "engine:\n  path_context: /live/\n",
			"stagelock.yaml:7: engine.path_context"},
		{"untrusted everybody", `  allow: ["10.1.2.0/24"]`,
			"  allow: [\"10.1.2.0/24\"]\n  trusted_proxies: [\"0.0.0.0/0\"]", "stagelock.yaml:6: hosts.trusted_proxies[0]"},
		{"peer address", `    sites: [20143]`, "    sites: [20143]\n    addresses: [\"10.1.2.999\"]",
			"stagelock.yaml:12: peers[0].addresses[0]"},
		{"any login", "    logins: [\"publisher@example.com\"]\n", "", "warning: peers[0].logins"},
		{"any site", `[20143]`, `[any]`, "stagelock.yaml:11: warning: peers[0].sites"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the good configuration has no %q", tt.old)
			}
			got := problems(t, strings.Replace(good, tt.old, tt.new, 1))
			for _, line := range got {
				if strings.Contains(line, tt.want) && strings.HasSuffix(line, ")") {
					return
				}
			}
			t.Errorf("no problem with a cure has %q in it:\n%s", tt.want, strings.Join(got, "\n"))
		})
	}
}

// All at once: nobody mends one line after the other.
func TestAllProblemsAtOnce(t *testing.T) {
	bad := strings.NewReplacer(`"10.1.2.0/24"`, `"10.1.2.3/24", "010.1.2.3"`, `"0123456789abcdef"`, `"short"`,
		"data: data", "data: data\nlisen: x", "engine:\n", "engine:\n  path_context: /live/\n").Replace(good)
	got := strings.Join(problems(t, bad), "\n")
	for _, want := range []string{"hosts.allow[0]", "hosts.allow[1]", "peers[0].secret.value", "path_context", "lisen"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "short\"") {
		t.Errorf("a secret is printed:\n%s", got)
	}
}

// A group that cannot come as far as the socket is told so.
func TestSocketThatItsGroupDoesNotReach(t *testing.T) {
	g, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Skip("the group of this user has no name")
	}
	for mode, want := range map[os.FileMode]bool{0o700: true, 0o750: false, 0o711: false} {
		dir := filepath.Join(ports.Folder(t), "d")
		if err := errors.Join(os.Mkdir(dir, mode), os.Chmod(dir, mode)); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		text := strings.Replace(good, "data: data", "data: data\nadmin: {group: "+g.Name+", listen: 'unix:"+dir+"/a.sock'}", 1)
		got := strings.Join(problems(t, text), "\n")
		if strings.Contains(got, "warning: admin.listen[0]: lies in "+dir+", which nobody but its owner can enter") != want {
			t.Errorf("mode %o: %s", mode, got)
		}
	}
}
