package conf_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/integration/blind"
)

// whole says something in every section.
const whole = `listen: ["0.0.0.0:8443", ":9443"]
data: state
names: [live.example.com, "live.example.com:443"]
repeats: {keep: 2m}
limits: {depth: 32}
tls: {source: local, min_version: "1.3"}
hosts:
  allow:
    - 10.1.2.0/24
    - 2001:db8::/32
    - SERVER_IP
  trusted_proxies: [10.9.0.1]
peers:
  - name: staging
    addresses: [10.1.2.3]
    sites: [20143, 20150]
    logins: [publisher@example.com]
    part_max_bytes: 64MiB
    secret:
      value: 00112233445566778899aabbccddeeff
      hex: true
      previous: {file: old.secret, algorithm: blowfish}
  - name: second
    sites: any
    logins: [b]
    secret: {value: 0123456789abcdef}
engine:
  line: 7.3
  path_context: /live
  upstream:
    nodes: [http://127.0.0.1:8080, http://127.0.0.1:8081]
    path_context: /portal
    secret: {file: hop.secret, algorithm: DESede}
quota: {peer_rate: 600/m}
heartbeat: 20s
requests: {keep: 7d}
`

func wholeFiles() fstest.MapFS {
	return fstest.MapFS{
		"etc/live.yaml":  {Data: []byte(whole), Mode: 0o600},
		"etc/old.secret": {Data: []byte("old-secret-here\r\n"), Mode: 0o600},
		"etc/hop.secret": {Data: []byte("0123456789abcdef01234567"), Mode: 0o600},
		"env.secret":     {Data: []byte("from-the-environment"), Mode: 0o600},
	}
}

func loadWhole(env []string, flags map[string]string) (*conf.Config, []conf.Problem) {
	files := wholeFiles()
	return conf.Load(conf.Options{File: "etc/live.yaml", Env: env, Flags: flags, ReadFile: files.ReadFile, Stat: files.Stat})
}

func TestLoadWhole(t *testing.T) {
	c, ps := loadWhole(nil, nil)
	if conf.Fatal(ps) {
		t.Fatalf("problems: %v", ps)
	}
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"listen", c.Listen, []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8443"), netip.MustParseAddrPort("[::]:9443")}},
		{"data, from the file's folder", c.Data, conf.Path("etc/state")},
		{"names", c.Names, []string{"live.example.com", "live.example.com:443"}},
		{"path context", c.Engine.PathContext, "/live"},
		{"line, a number for YAML", c.Engine.Line, "7.3"},
		{"min version", c.TLS.MinVersion, "1.3"},
		{"allow", c.Hosts.Allow, []string{"10.1.2.0/24", "2001:db8::/32", "SERVER_IP"}},
		{"default of a choice", c.Hosts.Refuse, "answer"},
		{"sites", c.Peers[0].Sites, []conf.Site{20143, 20150}},
		{"any site", c.Peers[1].Sites, []conf.Site{conf.AnySite}},
		{"may publish", c.Peers[0].MayPublish(20150) && !c.Peers[0].MayPublish(1) && !c.Peers[0].AnySite() && c.Peers[1].MayPublish(1) && !(conf.Peer{}).MayPublish(1), true},
		{"part size", c.Peers[0].PartMaxBytes, conf.Size(64 << 20)},
		{"default size", c.Peers[1].PartMaxBytes, conf.Size(128 << 20)},
		{"digits of a secret as written", c.Peers[0].Secret.Value.Reveal(), "00112233445566778899aabbccddeeff"},
		{"hex", c.Peers[0].Secret.Hex, true},
		{"previous secret from a file, without line break", c.Peers[0].Secret.Previous.Value.Reveal(), "old-secret-here"},
		{"algorithm as Java spells it", c.Peers[0].Secret.Previous.Algorithm, "Blowfish"},
		{"own secret of the hop", c.Engine.Upstream.Secret.Value.Reveal(), "0123456789abcdef01234567"},
		{"nodes", c.Engine.Upstream.Nodes[1].String(), "http://127.0.0.1:8081"},
		{"rate", c.Quota.PeerRate, conf.Rate(10)},
		{"heartbeat", c.Heartbeat, 20 * time.Second},
		{"days", c.Requests.Keep, 7 * 24 * time.Hour},
		{"default duration", c.Engine.Upstream.Health.Interval, 5 * time.Second},
		{"default URL", c.TLS.ACME.Directory.Host, "acme-v02.api.letsencrypt.org"},
		{"absent list", c.Hosts.ProxyProtocol == nil, true},
	} {
		if diff := cmp.Diff(tt.want, tt.got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPrecedence(t *testing.T) {
	env := []string{"STAGELOCK_HEARTBEAT=30s", "STAGELOCK_DRAIN=1m", "HOME=/x", "STAGELOCK_HOSTS_ALLOW= 10.0.0.1 , ::1", "STAGELOCK_LOG_LEVEL=",
		"STAGELOCK_PEERS_0_NAME=renamed", "STAGELOCK_PEERS_1_SECRET_VALUE_FILE=env.secret", "STAGELOCK_PEERS_2_NAME=third", "STAGELOCK_PEERS_2_SITES=7,8",
		"STAGELOCK_PEERS_2_LOGINS=c", "STAGELOCK_PEERS_2_SECRET_FILE=env.secret", "STAGELOCK_TLS_MIN_VERSION=1.2", "STAGELOCK_DATA=rel"}
	flags := map[string]string{"drain": "2m", "peers[0].sites": "9,10", "listen": "127.0.0.1:0"}
	c, ps := loadWhole(env, flags)
	if conf.Fatal(ps) {
		t.Fatalf("problems: %v", ps)
	}
	got := map[string]string{}
	for _, s := range c.Effective() {
		got[s.Path] = s.Value + " " + s.Origin.String()
	}
	for path, want := range map[string]string{
		"heartbeat":                    "30s env STAGELOCK_HEARTBEAT",
		"drain":                        "2m flag drain",
		"retry_after":                  "30s default",
		"data":                         "rel env STAGELOCK_DATA",
		"hosts.allow":                  "10.0.0.1,::1 env STAGELOCK_HOSTS_ALLOW",
		"hosts.trusted_proxies":        "10.9.0.1 etc/live.yaml:12",
		"log.level":                    "info default",
		"listen":                       "127.0.0.1:0 flag listen",
		"peers[0].name":                "renamed env STAGELOCK_PEERS_0_NAME",
		"peers[0].sites":               "9,10 flag peers[0].sites",
		"peers[0].secret.value":        "*** etc/live.yaml:20",
		"peers[1].secret.value":        "*** env.secret:1",
		"peers[2].name":                "third env STAGELOCK_PEERS_2_NAME",
		"peers[2].sites":               "7,8 env STAGELOCK_PEERS_2_SITES",
		"peers[2].part_max_bytes":      "128MiB default",
		"peers[2].secret.value":        "*** env.secret:1",
		"tls.min_version":              "1.2 env STAGELOCK_TLS_MIN_VERSION",
		"engine.upstream.secret.value": "*** etc/hop.secret:1",
		"quota.peer_rate":              "10/s etc/live.yaml:34",
		"requests.keep":                "168h etc/live.yaml:36",
		"engine.upstream.secret.file":  "etc/hop.secret etc/live.yaml:33",
		"peers[1].sites":               "any etc/live.yaml:24",
		"engine.upstream.nodes":        "http://127.0.0.1:8080,http://127.0.0.1:8081 etc/live.yaml:31",
	} {
		if got[path] != want {
			t.Errorf("%s = %q, want %q", path, got[path], want)
		}
	}
	if c.Peers[1].Secret.File != "env.secret" || c.Peers[2].Secret.File != "env.secret" || c.Peers[0].Secret.File != "" {
		t.Error("a file is not the one that the secret comes from")
	}
	if got := c.Peers[1].Secret.Value.Reveal(); got != "from-the-environment" {
		t.Errorf("the file of a variable lost to the value of the YAML file: %q", got)
	}
}

// A value that wins over a file leaves no trace of the file.
func TestValueOverFile(t *testing.T) {
	c, ps := loadWhole([]string{"STAGELOCK_ENGINE_UPSTREAM_SECRET_VALUE=from-the-environment"}, nil)
	if k := c.Engine.Upstream.Secret; conf.Fatal(ps) || k.File != "" || k.Value.Reveal() != "from-the-environment" {
		t.Errorf("file %q, problems %v", k.File, ps)
	}
}

func TestOriginAndProblem(t *testing.T) {
	c, _ := loadWhole([]string{"STAGELOCK_DRAIN=1m"}, map[string]string{"heartbeat": "5s"})
	for _, tt := range []struct{ path, want string }{
		{"hosts.allow[1]", "etc/live.yaml:10: hosts.allow[1]: m (c)"},
		{"hosts.allow", "etc/live.yaml:9: hosts.allow: m (c)"},
		{"hosts", "etc/live.yaml:7: hosts: m (c)"},
		{"hosts.allow_any", "etc/live.yaml:7: hosts.allow_any: m (c)"},
		{"peers[1].logins[0]", "etc/live.yaml:25: peers[1].logins[0]: m (c)"},
		{"peers[1].addresses", "etc/live.yaml:23: peers[1].addresses: m (c)"},
		{"peers[0].secret.previous.value", "etc/old.secret:1: peers[0].secret.previous.value: m (c)"},
		{"peers[1].secret", "etc/live.yaml:26: peers[1].secret: m (c)"},
		{"audit.every", "etc/live.yaml:1: audit.every: m (c)"},
		{"drain", "env STAGELOCK_DRAIN: drain: m (c)"},
		{"heartbeat", "flag heartbeat: heartbeat: m (c)"},
		{"", "etc/live.yaml:1: m (c)"},
	} {
		if got := c.Problem(tt.path, "m", "c").String(); got != tt.want {
			t.Errorf("Problem(%q) = %s, want %s", tt.path, got, tt.want)
		}
	}
	if p := c.Warn("drain", "m", ""); p.String() != "env STAGELOCK_DRAIN: warning: drain: m" || !p.Warning {
		t.Errorf("Warn = %s", p)
	}
	if o := c.Origin("audit.every"); o.Source != origin.Default || o.String() != "default" {
		t.Errorf("origin of a default = %s", o)
	}
}

func TestVariablesAndFlagsThatAreNone(t *testing.T) {
	_, ps := loadWhole([]string{"STAGELOCK_PORT=tcp://1.2.3.4", "STAGELOCK_PEERS_X_NAME=a", "STAGELOCK_PEERS_01_NAME=a", "STAGELOCK_PEERS_5_NAME=five", "STAGELOCK_HOSTS=x", "STAGELOCK_DRIAN=1m", "STAGELOCK_PEERS_99999_NAME=far"},
		map[string]string{"drian": "1m", "hosts": "x", "peers.name": "x", "peers[0]": "x", "peers[x].name": "x", "names[0]": "x", "engine.upstream.secret.value": "x", "drain.x": "1"})
	want := []string{
		"env STAGELOCK_DRIAN: warning: is the name of no setting (did you mean STAGELOCK_DRAIN?)",
		"env STAGELOCK_HOSTS: warning: is the name of no setting",
		"env STAGELOCK_PEERS_01_NAME: warning: is the name of no setting (did you mean STAGELOCK_PEERS_0_NAME?)",
		"env STAGELOCK_PEERS_5_NAME: peers[5]: is left out: there is no peers[2]",
		"env STAGELOCK_PEERS_99999_NAME: peers[99999]: is left out",
		"env STAGELOCK_PEERS_X_NAME: warning: is the name of no setting (did you mean STAGELOCK_PEERS_0_NAME?)",
		"env STAGELOCK_PORT: warning: is the name of no setting",
		"etc/live.yaml:24: warning: peers[1].sites: lets the peer",
		"etc/live.yaml:27: warning: engine.browser_url: is not given",
		"flag drain.x: is no setting",
		"flag drian: is no setting (did you mean drain?)",
		"flag engine.upstream.secret.value: engine.upstream.secret.value: is a secret, and everybody on this machine can read a command line (name a file that holds it: engine.upstream.secret.file)",
		"flag hosts: is no setting",
		"flag names[0]: is no setting (did you mean names?)",
		"flag peers.name: is no setting",
		"flag peers[0]: is no setting",
		"flag peers[x].name: is no setting (did you mean peers[0].name?)",
	}
	for i, p := range ps {
		if i >= len(want) || !strings.HasPrefix(p.String(), want[i]) {
			t.Errorf("problem %d: %s", i, p)
		}
	}
	if len(ps) != len(want) {
		t.Errorf("%d problems, want %d", len(ps), len(want))
	}
}

func TestNotYAML(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"tab", "hosts:\n\tallow: []\n", "c.yaml:2: is not YAML: "},
		{"no end of a list", "names: [a\nline: 7.4\n", "c.yaml:2: is not YAML: "},
		{"bad escape", "names:\n  - \"\\q\"\n", "c.yaml:2: is not YAML: "},
		{"control character", "data: \x01\n", "c.yaml:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{"c.yaml": {Data: []byte(tt.text)}}
			c, ps := conf.Load(conf.Options{File: "c.yaml", ReadFile: files.ReadFile})
			if c != nil || len(ps) == 0 || !strings.HasPrefix(ps[0].String(), tt.want) {
				t.Errorf("Load = %v, %v", c, ps)
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	denied := errors.New("denied")
	for _, tt := range []struct {
		name string
		read func(string) ([]byte, error)
		want string
	}{
		{"absent", fstest.MapFS{}.ReadFile, "c.yaml: does not exist: c.yaml (check"},
		{"denied", func(n string) ([]byte, error) { return nil, &fs.PathError{Op: "open", Path: n, Err: denied} }, "c.yaml: cannot be read: c.yaml: denied"},
		{"large", func(string) ([]byte, error) { return make([]byte, 1<<20+1), nil }, "c.yaml: cannot be read: c.yaml: is larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ps := conf.Load(conf.Options{File: "c.yaml", ReadFile: tt.read})
			if c != nil || len(ps) != 1 || !strings.HasPrefix(ps[0].String(), tt.want) {
				t.Errorf("Load = %v, %v, want %s", c, ps, tt.want)
			}
		})
	}
}

func TestEmptyAndSecondDocument(t *testing.T) {
	for text, want := range map[string]string{
		"":             "c.yaml:1: engine.upstream.nodes: is empty",
		"# nothing\n":  "c.yaml:1: engine.upstream.nodes: is empty",
		"a: 1\n---\n1": "c.yaml:1: a: is not known",
		"- 1\n":        "c.yaml:1: is not a section with keys",
		"hosts:\n":     "c.yaml:1: engine.upstream.nodes: is empty",
		"hosts: ~\n":   "c.yaml:1: engine.upstream.nodes: is empty",
	} {
		files := fstest.MapFS{"c.yaml": {Data: []byte(text)}}
		c, ps := conf.Load(conf.Options{File: "c.yaml", ReadFile: files.ReadFile})
		if c == nil || len(ps) == 0 || !strings.HasPrefix(ps[0].String(), want) {
			t.Errorf("%q: %v", text, ps)
		}
		if second := strings.Contains(text, "---"); second && !strings.Contains(ps[len(ps)-1].String(), "is a second document") {
			t.Errorf("%q: %v", text, ps)
		}
	}
}

// Variables alone are enough.
func TestWithoutFile(t *testing.T) {
	files := wholeFiles()
	c, ps := conf.Load(conf.Options{ReadFile: files.ReadFile, Env: []string{"STAGELOCK_NAMES=a", "STAGELOCK_HOSTS_ALLOW=::1", "STAGELOCK_PEERS_0_NAME=p",
		"STAGELOCK_PEERS_0_SITES=1", "STAGELOCK_PEERS_0_LOGINS=l", "STAGELOCK_PEERS_0_SECRET_VALUE=0123456789abcdef", "STAGELOCK_ENGINE_UPSTREAM_NODES=http://127.0.0.1:8080", "STAGELOCK_ENGINE_BROWSER_URL=https://www.example.com"}})
	if len(ps) > 0 {
		t.Fatalf("problems: %v", ps)
	}
	if !c.Engine.Upstream.Secret.Value.Equal(c.Peers[0].Secret.Value) || c.Origin("engine.upstream.secret.value").Name != "STAGELOCK_PEERS_0_SECRET_VALUE" {
		t.Errorf("the upstream's secret comes from %s", c.Origin("engine.upstream.secret.value"))
	}
	_, ps = conf.Load(conf.Options{})
	if !conf.Fatal(ps) || ps[0].String() != "engine.upstream.nodes: is empty: there is nothing to forward to (name the engine's base URL, such as http://127.0.0.1:8080)" {
		t.Errorf("nothing at all: %v", ps)
	}
}

// From the real file system, with real modes.
func TestFromDisk(t *testing.T) {
	dir := t.TempDir()
	for name, f := range wholeFiles() {
		name = filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := filepath.Join(dir, "old.secret")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	_, ps := conf.Load(conf.Options{File: filepath.Join(dir, "live.yaml")})
	var fatal []string
	for _, p := range ps {
		if !p.Warning {
			fatal = append(fatal, p.String())
		}
	}
	want := []string{filepath.Join(dir, "live.yaml") + ":22: peers[0].secret.previous.file: may be read by every user of this machine (chmod 600 " + open + ")"}
	if diff := cmp.Diff(want, fatal); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestNeedsRestart(t *testing.T) {
	before, _ := loadWhole(nil, nil)
	after, _ := loadWhole([]string{"STAGELOCK_DATA=/x", "STAGELOCK_HEARTBEAT=5s", "STAGELOCK_LISTEN=:1"}, nil)
	if diff := cmp.Diff([]string{"listen", "data"}, conf.NeedsRestart(before, after)); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if got := conf.NeedsRestart(before, before); got != nil {
		t.Errorf("nothing changed, but %v", got)
	}
}

func loadSeeds(f blind.Seeds) {
	f.Add(whole, "STAGELOCK_PEERS_0_NAME=x")
	f.Add(conf.Reference(), "LIFERAY_TUNNEL_PERIOD_SERVLET_PERIOD_HOSTS_PERIOD_ALLOWED=10.0.0.0/8")
	f.Add("peers: [{secret: {value: a}}, *x]\n<<: {}\n", "STAGELOCK_PEERS_7_SECRET_VALUE_FILE=x")
	f.Add("hosts: {allow: [[], {}, ~, 1]}\n---\n", "STAGELOCK_LISTEN=,,")
}

// loads: what parses twice is equal, and nothing that is reported lies outside of the file.
func loads(t testing.TB, text, env string) {
	files := wholeFiles()
	files["etc/live.yaml"].Data = []byte(text)
	o := conf.Options{File: "etc/live.yaml", Env: []string{env}, ReadFile: files.ReadFile, Stat: files.Stat}
	c, ps := conf.Load(o)
	again, psAgain := conf.Load(o)
	if !reflect.DeepEqual(c, again) || !reflect.DeepEqual(ps, psAgain) {
		t.Fatalf("loaded twice: %v, %v", ps, psAgain)
	}
	lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), "\n") + 1
	for _, p := range ps {
		if p.File == "etc/live.yaml" && (p.Line < 0 || p.Line > lines+1) || p.Msg == "" {
			t.Fatalf("%d lines: %s", lines, p)
		}
	}
	if c == nil && !conf.Fatal(ps) {
		t.Fatal("no Config and no problem")
	}
}

func FuzzLoad(f *testing.F) {
	loadSeeds(f)
	f.Fuzz(func(t *testing.T, text, env string) { loads(t, text, env) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzLoad", loadSeeds, func(t testing.TB, in *blind.Input) { loads(t, in.String(0), in.String(1)) })
}
