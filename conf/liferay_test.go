package conf_test

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/conf"
)

// front lacks what Liferay's files say; they are named by the rows.
const front = `names: [live.example.com]
peers:
  - {name: staging, sites: [20143],
     logins: [publisher@example.com]}
engine:
  upstream: {nodes: ["http://127.0.0.1:8080"]}
  browser_url: https://www.example.com
`

const pid = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"

// want is what a row expects: effective values with their origins, and the beginnings of problems.
type want struct {
	settings map[string]string
	problems []string
}

func check(t *testing.T, files map[string]string, env []string, w want) *conf.Config {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	c, ps := conf.Load(conf.Options{File: "live.yaml", Env: env, ReadFile: fsys.ReadFile, Stat: fsys.Stat})
	got := map[string]string{}
	if c != nil {
		for _, s := range c.Effective() {
			if _, asked := w.settings[s.Path]; asked {
				got[s.Path] = s.Value + " " + s.Origin.String()
			}
		}
	}
	if diff := cmp.Diff(w.settings, got); diff != "" && len(w.settings) > 0 {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	var texts []string
	for i, p := range ps {
		text := p.String()
		if i < len(w.problems) && strings.HasPrefix(text, w.problems[i]) {
			text = w.problems[i]
		}
		texts = append(texts, text)
	}
	if diff := cmp.Diff(w.problems, texts); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	return c
}

func TestLiferayFilesAsTheyAre(t *testing.T) {
	c := check(t, map[string]string{
		"live.yaml": front + "  line: 6.2\n  liferay: {portal_ext: portal-ext.properties}\n",
		"portal-ext.properties": `# staging
tunneling.servlet.shared.secret=30313233343536373839616263646566
tunneling.servlet.shared.secret.hex = ON
tunneling.servlet.encryption.algorithm : blowfish
tunnel.servlet.hosts.allowed=127.0.0.1,\
    10.1.2.3,\
    SERVER_IP
tunnel.servlet.https.required=false
staging.remote.transfer.buffer.size=1048576
auth.verifier.TunnelingServletAuthVerifier.hosts.allowed=10.1.2.3, 127.0.0.1, SERVER_IP
auth.verifier.TunnelingServletAuthVerifier.urls.includes=/api/liferay/do,/api/axis/*
something.else=1
`,
	}, nil, want{
		settings: map[string]string{
			"engine.upstream.secret.value":     "*** portal-ext.properties:2",
			"engine.upstream.secret.hex":       "true portal-ext.properties:3",
			"engine.upstream.secret.algorithm": "Blowfish portal-ext.properties:4",
			"peers[0].secret.value":            "*** portal-ext.properties:2",
			"peers[0].secret.hex":              "true portal-ext.properties:3",
			"peers[0].secret.algorithm":        "Blowfish portal-ext.properties:4",
			"hosts.allow":                      "127.0.0.1,10.1.2.3,SERVER_IP portal-ext.properties:5",
			"engine.liferay.https_required":    "false portal-ext.properties:8",
			"engine.liferay.buffer_size":       "1MiB portal-ext.properties:9",
			"engine.liferay.urls_includes":     "/api/liferay/do,/api/axis/* portal-ext.properties:11",
		},
		problems: []string{"portal-ext.properties:8: warning: engine.liferay.https_required: is false"},
	})
	for i, line := range []int{5, 6, 7} {
		if o := c.Origin("hosts.allow[" + string(rune('0'+i)) + "]"); o.Line != line {
			t.Errorf("entry %d stands in %s, want line %d", i, o, line)
		}
	}
	if got := c.Peers[0].Secret.Value.Reveal(); got != "30313233343536373839616263646566" {
		t.Errorf("secret %q", got)
	}
}

func TestLiferayMerge(t *testing.T) {
	const both = "  liferay: {portal_ext: [a.properties, b.properties], osgi: [" + pid + ".config]}\nhosts: {allow: [10.9.9.9]}\n"
	secret := "tunneling.servlet.shared.secret=0123456789abcdef\n"
	for _, tt := range []struct {
		name  string
		yaml  string
		files map[string]string
		env   []string
		want  want
	}{
		{"a later file wins", both, map[string]string{"a.properties": secret + "staging.remote.transfer.buffer.size=1", "b.properties": "\nstaging.remote.transfer.buffer.size=2", pid + ".config": ""}, nil,
			want{settings: map[string]string{"engine.liferay.buffer_size": "2 b.properties:2", "hosts.allow": "10.9.9.9 live.yaml:9"}}},
		{"Liferay's variables win over its files", both, map[string]string{"a.properties": secret, "b.properties": "", pid + ".config": ""},
			[]string{"LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET=fedcba9876543210", "LIFERAY_JVM_OPTS=-X"},
			want{settings: map[string]string{"engine.upstream.secret.value": "*** env LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET"}}},
		{"our file wins over Liferay's variables", both + "upstream_x: 1\n", map[string]string{"a.properties": secret, "b.properties": "", pid + ".config": ""},
			[]string{"LIFERAY_TUNNEL_PERIOD_SERVLET_PERIOD_HOSTS_PERIOD_ALLOWED=1.2.3.4"},
			want{settings: map[string]string{"hosts.allow": "10.9.9.9 live.yaml:9"}, problems: []string{"live.yaml:10: upstream_x: is not known"}}},
		{"a misspelt variable", both, map[string]string{"a.properties": secret, "b.properties": "", pid + ".config": ""}, []string{"LIFERAY_TUNNELING_SERVLET_SHARED_SECRET=x"},
			want{problems: []string{"env LIFERAY_TUNNELING_SERVLET_SHARED_SECRET: warning: is not how Liferay spells tunneling.servlet.shared.secret: it is not read (name it LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET)"}}},
		{"includes override, in order", "  liferay: {portal_ext: conf/a.properties, home: /opt/liferay}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{
			"conf/a.properties":      "include-and-override=sub/b.properties\ninclude-and-override=sub/c.properties, none.properties\n" + secret + "staging.remote.transfer.buffer.size=1\ntunnel.servlet.https.required=false\nb=c",
			"conf/sub/b.properties":  "staging.remote.transfer.buffer.size=2\nb=c\ninclude-and-override=${b}.properties",
			"conf/c.properties":      "tunneling.servlet.encryption.algorithm=DESede",
			"conf/sub/c.properties":  "staging.remote.transfer.buffer.size=3",
			"opt/liferay/x.property": "",
		}, nil, want{
			settings: map[string]string{"engine.liferay.buffer_size": "3 conf/sub/c.properties:1", "engine.upstream.secret.algorithm": "DESede conf/c.properties:1"},
			problems: []string{"conf/a.properties:2: warning: include-and-override: includes a file that does not exist: conf/none.properties", "conf/a.properties:5: warning: engine.liferay.https_required"}}},
		{"includes in a circle", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{
			"a.properties": secret + "include-and-override=b.properties", "b.properties": "include-and-override=a.properties"}, nil,
			want{problems: []string{"b.properties:1: include-and-override: is included in a circle, with which the portal does not start, or too deep: a.properties"}}},
		{"references", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{
			"a.properties": "key=0123456789abcdef\ntunneling.servlet.shared.secret=${key}\ninclude-and-override=${liferay.home}/x\nstaging.remote.transfer.buffer.size=${unknown}\n" +
				"tunneling.servlet.encryption.algorithm=${loop}\nloop=${loop}"}, nil,
			want{settings: map[string]string{"engine.upstream.secret.value": "*** a.properties:2"}, problems: []string{
				"a.properties:3: warning: include-and-override: refers to ${liferay.home}, which nothing here resolves: the include is passed over, as the portal does where it does not know it either (say what it is in engine.liferay.home of the gateway's file)",
				"a.properties:4: staging.remote.transfer.buffer.size: refers to ${unknown}, which nothing here resolves",
				"a.properties:5: tunneling.servlet.encryption.algorithm: refers to itself"}}},
		{"a peer with a secret takes nothing from Liferay", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": secret + "tunneling.servlet.shared.secret.hex=true"},
			[]string{"STAGELOCK_PEERS_0_SECRET_VALUE=plain-0123456789"}, want{settings: map[string]string{
				"peers[0].secret.value": "*** env STAGELOCK_PEERS_0_SECRET_VALUE", "peers[0].secret.hex": "false default", "engine.upstream.secret.hex": "true a.properties:2"}}},
		{"an upstream with a secret takes nothing from Liferay", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": secret + "tunneling.servlet.shared.secret.hex=true", "up": "s3cr3t-of-the-hop"},
			[]string{"STAGELOCK_ENGINE_UPSTREAM_SECRET_VALUE_FILE=up"}, want{settings: map[string]string{
				"engine.upstream.secret.value": "*** up:1", "engine.upstream.secret.hex": "false default", "peers[0].secret.hex": "true a.properties:2"}}},
		{"a reference in a secret is not told", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": "tunneling.servlet.shared.secret=a${very-secret}"}, nil,
			want{problems: []string{"a.properties:1: tunneling.servlet.shared.secret: has a ${ that refers to nothing here (write the value out, or name a file", "live.yaml:3: peers[0].secret: has no secret"}}},
		{"a reference to the secret is none", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": secret + "include-and-override=${tunneling.servlet.shared.secret}"}, nil,
			want{problems: []string{"a.properties:2: warning: include-and-override: refers to ${tunneling.servlet.shared.secret}, which nothing here resolves"}}},
		{"a sum of references", "  liferay: {portal_ext: a.properties, home: /opt}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": secret + "n=12\nstaging.remote.transfer.buffer.size=${n}0${n}\nx=${open"}, nil,
			want{settings: map[string]string{"engine.liferay.buffer_size": "12012 a.properties:3", "engine.liferay.home": "/opt live.yaml:8"}}},
		{"an empty secret is none", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": "tunneling.servlet.shared.secret="}, nil,
			want{problems: []string{"live.yaml:3: peers[0].secret: has no secret"}}},
		{"a broken line", "  liferay: {portal_ext: a.properties}\nhosts: {allow: [10.9.9.9]}\n", map[string]string{"a.properties": secret + "x=\\u00zz"}, nil,
			want{problems: []string{"a.properties:2: has a \\u without four hexadecimal digits: the portal passes over the whole file", "live.yaml:3: peers[0].secret: has no secret"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["live.yaml"] = front + tt.yaml
			check(t, tt.files, tt.env, tt.want)
		})
	}
}

func TestLiferayHosts(t *testing.T) {
	const secret = "tunneling.servlet.shared.secret=0123456789abcdef\n"
	for _, tt := range []struct {
		name, properties, verifier, hosts string
		problems                          []string
	}{
		{"filter alone", "tunnel.servlet.hosts.allowed=10.0.0.1,10.0.0.2", "", "10.0.0.1,10.0.0.2 p.properties:2", nil},
		{"a filter that is absent lets this machine pass", "", `hostsAllowed="127.0.0.1, SERVER_IP, 10.0.0.2"`, "127.0.0.1,SERVER_IP live.yaml:8", []string{
			pid + ".config:1: warning: hosts.allow: 10.0.0.2 is in one of", "live.yaml:8: warning: hosts.allow: comes from Liferay's files and names this machine only"}},
		{"empty lists let everybody pass in Liferay and nobody here", "tunnel.servlet.hosts.allowed=", `hostsAllowed=""`, " default",
			[]string{"live.yaml:1: hosts.allow: is empty"}},
		{"an empty list leaves the decision to the other", "tunnel.servlet.hosts.allowed=10.0.0.1", `hostsAllowed=[]`, "10.0.0.1 p.properties:2", nil},
		{"what both cover", "tunnel.servlet.hosts.allowed=10.0.0.0/8,127.0.0.1,SERVER_IP,192.168.1.1", `hostsAllowed=["10.1.0.0/16","SERVER_IP","10.0.0.0/255.255.255.0","fe80::1"]`,
			"127.0.0.1,SERVER_IP,10.1.0.0/16,10.0.0.0/24 p.properties:2", []string{
				pid + ".config:1: warning: hosts.allow: fe80::1 is in one of Liferay's two lists only",
				"p.properties:2: warning: hosts.allow: 192.168.1.1 is in one of Liferay's two lists only"}},
		{"nobody is in both", "tunnel.servlet.hosts.allowed=10.0.0.1", `hostsAllowed="255.255.255.255"`, " p.properties:2", []string{
			pid + ".config:1: warning: hosts.allow: 255.255.255.255 is in one", "p.properties:2: hosts.allow: is empty", "p.properties:2: warning: hosts.allow: 10.0.0.1 is in one"}},
		{"7.0 and later read no auth.verifier properties", "tunnel.servlet.hosts.allowed=10.0.0.1\nauth.verifier.TunnelingServletAuthVerifier.hosts.allowed=255.255.255.255", "", "10.0.0.1 p.properties:2", []string{
			"p.properties:3: warning: auth.verifier.TunnelingServletAuthVerifier.hosts.allowed: is not read from 7.0 on"}},
		{"the OSGi list wins over the properties' verifier", "tunnel.servlet.hosts.allowed=10.0.0.1\nauth.verifier.TunnelAuthVerifier.hosts.allowed=255.255.255.255", `hostsAllowed="10.0.0.1"`, "10.0.0.1 p.properties:2", []string{
			"p.properties:3: warning: auth.verifier.TunnelAuthVerifier.hosts.allowed: is read by no line of Liferay"}},
		{"an address that Java reads otherwise stays for the check of addresses", "tunnel.servlet.hosts.allowed=010.0.0.1", `hostsAllowed="010.0.0.1"`, "010.0.0.1 p.properties:2", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, map[string]string{
				"live.yaml":     front + "  liferay: {portal_ext: p.properties, osgi: " + pid + ".config}\n",
				"p.properties":  secret + tt.properties,
				pid + ".config": tt.verifier,
			}, nil, want{settings: map[string]string{"hosts.allow": tt.hosts}, problems: tt.problems})
		})
	}
}

func TestVerifierFiles(t *testing.T) {
	const rest = "hosts: {allow: [10.9.9.9]}\n"
	old := strings.Replace(pid, "internal.tunnel", "tunnel.module", 1)
	for _, tt := range []struct {
		name  string
		yaml  string
		files map[string]string
		want  want
	}{
		{"all keys", "  liferay: {osgi: " + pid + ".config}\n", map[string]string{pid + ".config": "enabled=B\"false\"\nurlsIncludes=\"/a,/b\"\nurlsExcludes=[\"/c\"]\nserviceAccessPolicyName=\"X\""}, want{
			settings: map[string]string{"engine.liferay.enabled": "false " + pid + ".config:1"},
			problems: []string{pid + ".config:1: engine.liferay.enabled: is false"}}},
		{"joined", "  liferay: {osgi: [" + pid + "-a.config, " + pid + "~b.config, " + pid + "-c.config]}\n", map[string]string{
			pid + "-a.config": "urlsIncludes=\"/a\"\nhostsAllowed=\"1.1.1.1\"", pid + "~b.config": "\nurlsIncludes=[\"/b\"]\nurlsExcludes=[\"/c\"]\nserviceAccessPolicyName=\"X\"", pid + "-c.config": "enabled=\"false\"\nurlsIncludes=\"/d\""}, want{
			settings: map[string]string{"engine.liferay.enabled": "true default", "engine.liferay.urls_includes": "/a,/b " + pid + "~b.config:2", "engine.liferay.urls_excludes": "/c " + pid + "~b.config:3"},
			problems: []string{
				pid + "~b.config:2: engine.liferay.urls_includes: does not cover",
				pid + "~b.config:4: warning: engine.liferay.service_access_policy"}}},
		{"cfg", "  liferay: {osgi: " + pid + ".cfg}\n", map[string]string{pid + ".cfg": "# x\nurlsIncludes = /api/liferay/*,\\\n /b\n"}, want{
			settings: map[string]string{"engine.liferay.urls_includes": "/api/liferay/*,/b " + pid + ".cfg:2"}}},
		{"a broken line", "  liferay: {osgi: " + pid + ".config}\n", map[string]string{pid + ".config": "enabled=true\nurlsIncludes=\"/api/liferay/*\""}, want{
			settings: map[string]string{"engine.liferay.urls_includes": "/api/liferay/do " + pid + ".config:1"},
			problems: []string{pid + `.config:1: is no key with a quoted value: the engine reads nothing of the file from here on (write key="value"`}}},
		{"old name, new line", "  liferay: {osgi: " + old + ".config}\n", map[string]string{old + ".config": ""}, want{
			problems: []string{"live.yaml:8: warning: engine.liferay.osgi[0]: is named as up to 7.2, and line is 7.4: Liferay takes it for another's (name it " + pid + "-default.config)"}}},
		{"new name, old line", "  line: 7.1\n  liferay: {osgi: " + pid + ".config}\n", map[string]string{pid + ".config": ""}, want{
			problems: []string{"live.yaml:9: warning: engine.liferay.osgi[0]: is named as from 7.3 on, and line is 7.1: Liferay takes it for another's (name it " + strings.Replace(pid, "internal.tunnel", "internal.tunnel.module", 1) + "-default.config)"}}},
		{"old name, old line", "  line: 7.1\n  liferay: {osgi: " + old + "-x.config}\n", map[string]string{old + "-x.config": ""}, want{}},
		{"short name", "  liferay: {osgi: TunnelAuthVerifierConfiguration.config}\n", map[string]string{"TunnelAuthVerifierConfiguration.config": ""}, want{
			problems: []string{"live.yaml:8: warning: engine.liferay.osgi[0]: is not named as the tunnel verifier's configuration"}}},
		{"another's name", "  liferay: {osgi: Other.config}\n", map[string]string{"Other.config": ""}, want{
			problems: []string{"live.yaml:8: warning: engine.liferay.osgi[0]: is not named as the tunnel verifier's configuration"}}},
		{"6.2 reads none", "  line: 6.2\n  liferay: {osgi: " + pid + ".config}\n", map[string]string{pid + ".config": ""}, want{
			problems: []string{"live.yaml:9: warning: engine.liferay.osgi[0]: is nothing that Liferay 6.2 reads"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["live.yaml"] = front + tt.yaml + rest
			tt.files["secret"] = "0123456789abcdef"
			check(t, tt.files, []string{"STAGELOCK_PEERS_0_SECRET_FILE=secret"}, tt.want)
		})
	}
}

// A file of Liferay's that everybody may read is warned of if it holds the secret, once, and not
// otherwise.
func TestExposedPortalExt(t *testing.T) {
	for text, want := range map[string]string{
		"a=b\ntunneling.servlet.shared.secret=0123456789abcdef\n":                   "p.properties:2: warning: holds a secret and may be read by every user of this machine (chmod o-r p.properties)",
		"tunnel.servlet.hosts.allowed=10.0.0.1\ntunneling.servlet.shared.secret=\n": "live.yaml:3: peers[0].secret: has no secret (write file: with the name of a file that holds it)",
	} {
		files := fstest.MapFS{
			"live.yaml":    {Data: []byte(front + "  liferay: {portal_ext: p.properties}\nhosts: {allow: [10.9.9.9]}\n"), Mode: 0o600},
			"p.properties": {Data: []byte(text), Mode: 0o644},
		}
		_, ps := conf.Load(conf.Options{File: "live.yaml", ReadFile: files.ReadFile, Stat: files.Stat})
		if len(ps) != 1 || ps[0].String() != want {
			t.Errorf("problems %v, want %s", ps, want)
		}
	}
}

// Lists that are too long to compare let nobody in.
func TestLongHostLists(t *testing.T) {
	long := strings.Repeat("10.0.0.1,", 3000)
	c := check(t, map[string]string{
		"live.yaml":    front + "  line: 6.2\n  liferay: {portal_ext: p.properties}\n",
		"p.properties": "tunneling.servlet.shared.secret=0123456789abcdef\ntunnel.servlet.hosts.allowed=" + long + "\nauth.verifier.TunnelingServletAuthVerifier.hosts.allowed=" + long,
	}, nil, want{problems: []string{"live.yaml:1: hosts.allow: is empty", "p.properties:2: hosts.allow: is too long to be compared"}})
	if len(c.Hosts.Allow) > 0 {
		t.Errorf("%d hosts", len(c.Hosts.Allow))
	}
}

// FuzzLiferayFiles: whatever stands in the two files, loading twice gives the same; every host that
// is let in stands in the text; the secret of the first line is in no problem and no effective
// value.
func FuzzLiferayFiles(f *testing.F) {
	f.Add("tunnel.servlet.hosts.allowed=10.0.0.1,10.0.0.0/8\n", "hostsAllowed=[\"10.0.0.1\"]\n")
	f.Add("x=${y}\ny=${x}\ninclude-and-override=${x},p.properties,v.config\n", "enabled=B\"false\"\nurlsIncludes=\"/\"\n")
	f.Add("staging.remote.transfer.buffer.size=${tunneling.servlet.shared.secret}\n", "serviceAccessPolicyName=\"\\u0041\"\n")
	f.Fuzz(func(t *testing.T, properties, config string) {
		const secret = "kept-4-nobody-to-read"
		files := map[string]string{
			"live.yaml":    front + "  liferay: {portal_ext: p.properties, osgi: v.config}\n",
			"p.properties": "tunneling.servlet.shared.secret=" + secret + "\n" + properties,
			"v.config":     config,
		}
		read := func(name string) ([]byte, error) {
			text, found := files[name]
			if !found {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		}
		c, ps := conf.Load(conf.Options{File: "live.yaml", ReadFile: read})
		again, psAgain := conf.Load(conf.Options{File: "live.yaml", ReadFile: read})
		if !reflect.DeepEqual(c, again) || !reflect.DeepEqual(ps, psAgain) {
			t.Fatalf("loaded twice: %v, %v", ps, psAgain)
		}
		for _, p := range ps {
			if strings.Contains(p.String(), secret) {
				t.Fatalf("told: %s", p)
			}
		}
		for _, s := range c.Effective() {
			if strings.Contains(s.String(), secret) {
				t.Fatalf("told: %s", s)
			}
		}
		if plain := !strings.ContainsAny(properties+config, "\\$/"); plain {
			for _, host := range c.Hosts.Allow {
				if host == "127.0.0.1" || host == "SERVER_IP" {
					continue // Liferay's own default
				}
				if !strings.Contains(properties+config, host) && utf8.ValidString(properties+config) {
					t.Fatalf("%q was let in by %q and %q", host, properties, config)
				}
			}
		}
	})
}
