package conf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// good has no problem; its lines are numbered in the wants below.
const good = `names: [live.example.com]
hosts:
  allow: [10.1.2.0/24]
peers:
  - name: staging
    sites: [20143]
    logins: [publisher@example.com]
    secret:
      file: staging.secret
engine:
  upstream: {nodes: ["http://127.0.0.1:8080"]}
  browser_url: https://www.example.com
`

// goodFiles are the files that good needs, and some that rows name.
func goodFiles(t *testing.T) fstest.MapFS {
	certificate, key := pair(t)
	_, other := pair(t)
	return fstest.MapFS{
		"staging.secret":       {Data: []byte("0123456789abcdef\n"), Mode: 0o600},
		"pg.url":               {Data: []byte("postgres:///stagelock?host=/run/postgresql\n"), Mode: 0o600},
		"two.key":              {Data: []byte(strings.Repeat("0f", 32) + "\n" + strings.Repeat("1f", 32) + "\n"), Mode: 0o600},
		"three.key":            {Data: []byte(strings.Repeat(strings.Repeat("0f", 32)+"\n", 3)), Mode: 0o600},
		"half.key":             {Data: []byte(strings.Repeat("0f", 32) + "\n" + strings.Repeat("1f", 31) + "\n"), Mode: 0o600},
		"cluster.key":          {Data: []byte(strings.Repeat("0f", 32) + "\n"), Mode: 0o600},
		"open.key":             {Data: []byte(strings.Repeat("0f", 32) + "\n"), Mode: 0o644},
		"other.secret":         {Data: []byte("fedcba9876543210"), Mode: 0o600},
		"open.secret":          {Data: []byte("0123456789abcdef\n"), Mode: 0o644},
		"empty.secret":         {Data: []byte("\n"), Mode: 0o600},
		"c.pem":                {Data: certificate, Mode: 0o644},
		"k.pem":                {Data: key, Mode: 0o600},
		"k2.pem":               {Data: other, Mode: 0o600},
		"open.pem":             {Data: key, Mode: 0o644},
		"open":                 {Mode: fs.ModeDir | 0o777},
		"open/writable.secret": {Data: []byte("0123456789abcdef"), Mode: 0o602},
		"local.properties":     {Data: []byte("tunnel.servlet.hosts.allowed=127.0.0.1,SERVER_IP\n"), Mode: 0o600},
		"p.properties":         {Data: []byte("# live\ntunnel.servlet.hosts.allowed=10.0.0.0/8\n"), Mode: 0o600},
	}
}

func pair(t *testing.T) (certificate, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "live"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bits})
}

// loadFS loads text as live.yaml among files.
func loadFS(files fstest.MapFS, text string, env []string, flags map[string]string) (*Config, []Problem) {
	files["live.yaml"] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	return Load(Options{File: "live.yaml", Env: env, Flags: flags, ReadFile: files.ReadFile, Stat: files.Stat})
}

func texts(ps []Problem) []string {
	var all []string
	for _, p := range ps {
		all = append(all, p.String())
	}
	return all
}

func TestGoodHasNoProblem(t *testing.T) {
	if _, ps := loadFS(goodFiles(t), good, nil, nil); len(ps) > 0 {
		t.Errorf("problems: %q", texts(ps))
	}
}

// Each row changes good by replacing old by new, or by adding new where old is empty.
var ruleRows = []struct {
	rule, old, new string
	want           []string // file:line: path: of everything that is reported, and the beginning of what
}{
	{"listen-empty", "", "listen: []\n", []string{"live.yaml:13: listen: is empty"}},
	{"listen-twice", "", "listen: [\"127.0.0.1:1\", \"127.0.0.1:0\", \"127.0.0.1:0\",\n  \"127.0.0.1:1\"]\n",
		[]string{"live.yaml:14: listen[3]: is the same as listen[0] (drop"}},
	{"data-empty", "", "data: \"\"\n", []string{"live.yaml:13: data: is empty"}},
	{"postgres-url", "", "store: postgres\ncluster: {key_file: cluster.key}\n", []string{"live.yaml:14: cluster.postgres.url.file: is not given, and store is postgres"}},
	{"postgres-url", "", "store: postgres\ncluster: {key_file: cluster.key, postgres: {url: {file: pg.url}}}\n", nil},
	{"cluster-key", "", "store: postgres\ncluster: {postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.key_file: is not given, and store is postgres: gateways could not share certificates"}},
	{"cluster-key", "", "store: postgres\ncluster: {key_file: nowhere.key, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.key_file: "}},
	{"cluster-key", "", "store: postgres\ncluster: {key_file: open.key, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.key_file: may be read by every user of this machine (chmod 600 open.key)"}},
	{"cluster-key", "", "store: postgres\ncluster: {key_file: staging.secret, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.key_file: does not hold 64 hexadecimal digits (make one with stagelock cluster key"}},
	{"cluster-key", "", "store: postgres\ncluster: {key_file: two.key, postgres: {url: {file: pg.url}}}\n", nil},
	{"cluster-key", "", "store: postgres\ncluster: {key_file: three.key, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.key_file: holds 3 keys (keep the one that seals, first, and"}},
	{"cluster-key", "", "store: postgres\ncluster: {key_file: half.key, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.key_file: does not hold 64 hexadecimal digits (make one with stagelock cluster key"}},
	{"cluster-node", "", "store: postgres\ncluster: {node: \"a\\nb\", key_file: cluster.key, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.node: holds a line break or a quote (name the gateway in plain letters"}},
	{"postgres-scheme", "", "store: postgres\ncluster: {key_file: cluster.key, postgres: {url: {value: 'mysql://h/db'}}}\n",
		[]string{"live.yaml:14: cluster.postgres.url.value: is not a URL of a PostgreSQL database",
			"live.yaml:14: warning: cluster.postgres.url.value: reaches the database over the network"}},
	{"postgres-plain", "", "store: postgres\ncluster: {key_file: cluster.key, postgres: {url: {value: 'postgres://u:p@db/x?sslmode=require'}}}\n",
		[]string{"live.yaml:14: warning: cluster.postgres.url.value: reaches the database over the network"}},
	{"postgres-plain", "", "store: postgres\ncluster: {key_file: cluster.key, postgres: {url: {value: 'postgres://u:p@db/x?sslmode=verify-full'}}}\n", nil},
	{"postgres-schema", "", "cluster: {postgres: {schema: 'Stage lock'}}\n",
		[]string{"live.yaml:13: cluster.postgres.schema: is not a name that needs no quotes"}},
	{"cluster-name", "", "store: postgres\ncluster: {name: '', key_file: cluster.key, postgres: {url: {file: pg.url}}}\n",
		[]string{"live.yaml:14: cluster.name: is empty"}},
	{"cluster-unused", "", "cluster: {postgres: {url: {file: pg.url}}}\n",
		[]string{"pg.url:1: warning: cluster.postgres.url.value: is given, but store is embedded"}},
	{"admin-open", "", "admin: {listen: ['0.0.0.0:9464', '[::1]:9464', 'unix:a.sock', '127.0.0.2:1', ':9465']}\n", []string{
		"live.yaml:13: admin.listen[0]: can be reached from other machines, and admin.allow is empty", "live.yaml:13: admin.listen[4]: can be reached"}},
	{"admin-open", "", "admin: {listen: '0.0.0.0:9464', allow: [10.1.2.3]}\n", nil},
	{"admin-open", "", "admin: {listen: ['9464', 'unix:', 'localhost:1']}\n", []string{"live.yaml:13: admin.listen[0]: is neither an address with a port",
		"live.yaml:13: admin.listen[1]: names no file", "live.yaml:13: admin.listen[2]: is neither"}},
	{"admin-open", "", "admin: {listen: []}\n", nil},
	{"admin-twice", "", "admin: {listen: ['127.0.0.1:1', 'unix:a', '127.0.0.1:0', '127.0.0.1:1', 'unix:a', '127.0.0.1:0']}\n", []string{
		"live.yaml:13: admin.listen[3]: is the same as admin.listen[0]", "live.yaml:13: admin.listen[4]: is the same as admin.listen[1]"}},
	{"admin-public", "", "listen: ['0.0.0.0:9464']\nadmin: {listen: ['127.0.0.1:9464', '127.0.0.1:9465']}\n", []string{"live.yaml:14: admin.listen[0]: is where publishers connect"}},
	{"admin-public", "", "listen: ['127.0.0.1:9464']\n", []string{"live.yaml:1: admin.listen[0]: is where publishers connect"}},
	{"admin-allow", "", "admin: {allow: [10.1.2.3]}\n", []string{"live.yaml:13: warning: admin.allow: does nothing"}},
	{"admin-group", "", "admin: {listen: '127.0.0.1:1', group: ops}\n", []string{"live.yaml:13: warning: admin.group: does nothing"}},
	{"admin-group", "", "admin: {group: ops}\n", nil},
	{"admin-long", "", "admin: {listen: 'unix:/" + strings.Repeat("x", 90) + "/s'}\n", []string{"live.yaml:13: warning: admin.listen[0]: lies in a folder with a path that is too long"}},
	{"admin-names", "", "admin: {names: ['http://gate-a']}\n", []string{"live.yaml:13: admin.names[0]: is not a host: it is a URL"}},
	{"names-empty", "names: [live.example.com]", "drain: 1m", []string{"live.yaml:1: names: is empty: no Host"}},
	{"names-spelling", "names: [live.example.com]", "names: [Live.example.com, 'https://a', a/b, '10.0.0.1', '::1', '[::1]:8443', '[::1]', 'a:0', 'a:x', 'a.', 'ä', 'fe80::1%e', '', 'a:', '0:0::1', '[0:0:0:0:0:0:0:1]']",
		[]string{
			"live.yaml:1: names[0]: is not a host or host:port: names are written in small letters",
			"live.yaml:1: names[10]: is not a host or host:port: a name has letters",
			"live.yaml:1: names[11]: is not a host or host:port: an address with a zone",
			"live.yaml:1: names[12]: is not a host or host:port: a name has letters",
			"live.yaml:1: names[13]: is not a host or host:port: a port is a number",
			"live.yaml:1: names[14]: is not a host or host:port: an IPv6 address stands in brackets",
			"live.yaml:1: names[1]: is not a host or host:port: it is a URL",
			"live.yaml:1: names[2]: is not a host or host:port: it has more",
			"live.yaml:1: names[4]: is not a host or host:port: an IPv6 address stands in brackets",
			"live.yaml:1: names[7]: is not a host or host:port: a port is a number",
			"live.yaml:1: names[8]: is not a host or host:port: a port is a number",
			"live.yaml:1: names[9]: is not a host or host:port: a dot stands at its end",
		}},
	{"names-twice", "names: [live.example.com]", "names: [a, b, a]", []string{"live.yaml:1: warning: names[2]: is the same as names[0]"}},
	{"context-no-slash", "", "  path_context: live\n", []string{"live.yaml:13: engine.path_context: does not begin with a slash (write /live)"}},
	{"context-slash", "", "  path_context: /live/\n", []string{"live.yaml:13: engine.path_context: ends with a slash (write /live)"}},
	{"context-slash", "", "  path_context: /\n", []string{`live.yaml:13: engine.path_context: ends with a slash (write "" for no context)`}},
	{"context-slash", "upstream: {", "upstream: {path_context: /portal/, ", []string{"live.yaml:11: engine.upstream.path_context: ends with a slash (write /portal)"}},
	{"context-spelling", "", "  path_context: /a;b\n", []string{"live.yaml:13: engine.path_context: is not a path that every server"}},
	{"context-spelling", "", "  path_context: /a//b\n", []string{"live.yaml:13: engine.path_context: is not a path that every server"}},
	{"context-spelling", "", "  path_context: /a/../b\n", []string{"live.yaml:13: engine.path_context: is not a path that every server"}},
	{"hosts-empty", "  allow: [10.1.2.0/24]", "  refuse: drop", []string{"live.yaml:2: hosts.allow: is empty: nobody may connect"}},
	{"hosts-empty", "  allow: [10.1.2.0/24]", "  allow: []", []string{"live.yaml:3: hosts.allow: is empty: nobody may connect"}},
	{"connections", "", "quota:\n  connections: 10\n", []string{"live.yaml:13: warning: quota.connections_per_address: is more than"}},
	{"tls-missing", "", "tls:\n  source: files\n", []string{"live.yaml:13: tls.certificate: is not given", "live.yaml:13: tls.key: is not given"}},
	{"tls-unused", "", "tls:\n  certificate: c.pem\n  key: k.pem\n",
		[]string{"live.yaml:14: warning: tls.certificate: is not used: tls.source is local", "live.yaml:15: warning: tls.key: is not used"}},
	{"tls-pair", "", "tls:\n  source: files\n  certificate: none.pem\n  key: k.pem\n", []string{"live.yaml:15: tls.certificate: cannot be read: file does not exist"}},
	{"tls-pair", "", "tls:\n  source: files\n  certificate: c.pem\n  key: none.pem\n", []string{"live.yaml:16: tls.key: cannot be read: file does not exist"}},
	{"tls-pair", "", "tls:\n  source: files\n  certificate: c.pem\n  key: k2.pem\n", []string{"live.yaml:15: tls.certificate: does not make a pair with tls.key: private key does not match public key"}},
	{"tls-key-exposed", "", "tls:\n  source: files\n  certificate: c.pem\n  key: open.pem\n", []string{"live.yaml:16: tls.key: may be read by every user"}},
	{"acme-root", "", "tls:\n  source: acme\n  acme:\n    ca_root: none.pem\n", []string{"live.yaml:16: tls.acme.ca_root: cannot be read: file does not exist"}},
	{"acme-directory", "", "tls:\n  source: acme\n  acme:\n    directory: http://acme/dir\n", []string{"live.yaml:16: tls.acme.directory: is not https"}},
	{"acme-address", "names: [live.example.com]", "names: [a, 10.0.0.1]\ntls: {source: acme}", []string{"live.yaml:1: names[1]: is an address, for which"}},
	{"tls-old-java", "", "  line: 6.2\ntls: {min_version: 1.3}\n", []string{"live.yaml:14: warning: tls.min_version: is 1.3, which"}},

	{"peers-empty", good[strings.Index(good, "peers"):strings.Index(good, "engine")], "", []string{"live.yaml:1: peers: is empty: nobody may publish"}},
	{"peer-name", "- name: staging", "- name: a b", []string{"live.yaml:5: peers[0].name: is not a name"}},
	{"peer-name", "- name: staging\n   ", "-", []string{"live.yaml:5: peers[0].name: is not a name"}},
	{"peer-twice", "engine:", "  - name: staging\n    sites: [1]\n    logins: [a]\n    secret: {file: staging.secret}\nengine:", []string{"live.yaml:10: peers[1].name: is the name of another peer"}},
	{"peer-sites", "    sites: [20143]\n", "", []string{"live.yaml:5: peers[0].sites: names no site"}},
	{"peer-any-site", "[20143]", "any", []string{"live.yaml:6: warning: peers[0].sites: lets the peer publish into every site"}},
	{"peer-any-login", "    logins: [publisher@example.com]\n", "", []string{"live.yaml:5: warning: peers[0].logins: is not given: the peer may act as any login"}},
	{"peer-no-login", "[publisher@example.com]", "[]", []string{"live.yaml:7: peers[0].logins: is an empty list"}},
	{"peer-no-type", "    sites:", "    types: []\n    sites:", []string{"live.yaml:6: peers[0].types: is an empty list"}},
	{"peer-login", "[publisher@example.com]", "['a:b', '', \"a\\tb\", ok]", []string{
		"live.yaml:7: peers[0].logins[0]: can be no login: a colon", "live.yaml:7: peers[0].logins[1]: can be no login: it is empty",
		"live.yaml:7: peers[0].logins[2]: can be no login: it has a control"}},
	{"peer-archive", "    sites:", "    archive_max_bytes: 1MiB\n    sites:", []string{"live.yaml:6: peers[0].archive_max_bytes: is less than part_max_bytes, which is 128MiB"}},
	{"peer-buffer", "    sites:", "    part_max_bytes: 1MiB\n    sites:", []string{"live.yaml:6: warning: peers[0].part_max_bytes: is less than engine.liferay.buffer_size, which is 10MiB"}},

	{"secret-missing", "    secret:\n      file: staging.secret\n", "", []string{"live.yaml:5: peers[0].secret: has no secret"}},
	{"secret-missing", "file: staging.secret", "algorithm: AES", []string{"live.yaml:8: peers[0].secret: has no secret"}},
	{"secret-rotation", "file: staging.secret", "file: staging.secret\n      previous:\n        file: other.secret", []string{"live.yaml:13: engine.upstream.secret: is not given while peers[0] has a previous secret"}},
	{"", good[strings.Index(good, "      file:"):], "      file: staging.secret\n      previous: {file: other.secret}\nengine:\n  upstream: {nodes: [\"http://127.0.0.1:8080\"], secret: {file: other.secret}}\n  browser_url: https://www.example.com\n", nil},
	{"secret-previous", "file: staging.secret", "file: staging.secret\n      previous:\n        file: staging.secret", []string{"live.yaml:10: warning: peers[0].secret.previous: is the current secret"}},

	{"nodes-empty", `["http://127.0.0.1:8080"]`, "[]", []string{"live.yaml:11: engine.upstream.nodes: is empty"}},
	{"node-url", ":8080", ":8080/portal", []string{"live.yaml:11: engine.upstream.nodes[0]: has more than scheme"}},
	{"node-url", ":8080", ":8080/?", []string{"live.yaml:11: engine.upstream.nodes[0]: has more than scheme"}},
	{"", "127.0.0.1:8080", "u:p@127.0.0.1:8080", []string{"live.yaml:11: engine.upstream.nodes[0]: has a login in it"}},
	{"", "http://127.0.0.1:8080", "127.0.0.1:8080", []string{"live.yaml:11: engine.upstream.nodes[0]: is not a URL"}},
	{"node-twice", `:8080"`, `:8080", "http://127.0.0.1:8080"`, []string{"live.yaml:11: engine.upstream.nodes[1]: is the same as an earlier node"}},
	{"node-loop", "127.0.0.1:8080", "127.0.0.1:8443", []string{"live.yaml:11: engine.upstream.nodes[0]: is the gateway itself"}},
	{"node-loop", "http://127.0.0.1:8080", "https://live.example.com:8443", []string{"live.yaml:11: engine.upstream.nodes[0]: is the gateway itself"}},
	{"node-loop", good[strings.Index(good, "engine"):], "engine:\n  upstream: {nodes: [\"https://localhost\"]}\n  browser_url: https://www.example.com\nlisten: [\"[::]:443\"]", []string{"live.yaml:11: engine.upstream.nodes[0]: is the gateway itself"}},
	{"node-loop", good[strings.Index(good, "engine"):], "engine:\n  upstream: {nodes: [\"https://10.0.0.9\"]}\n  browser_url: https://www.example.com\nlisten: [\"[::ffff:10.0.0.9]:443\"]", []string{"live.yaml:11: engine.upstream.nodes[0]: is the gateway itself"}},
	{"node-plain", "127.0.0.1", "10.0.0.9", []string{"live.yaml:11: warning: engine.upstream.nodes[0]: is reached over the network without TLS"}},
	{"node-https", "", "  liferay: {https_required: true}\n", []string{"live.yaml:11: engine.upstream.nodes[0]: is http, and Liferay requires https"}},
	{"upstream-host", "upstream: {", "upstream: {host: Portal, ", []string{"live.yaml:11: engine.upstream.host: is not a host or host:port: names are written"}},
	{"upstream-ca", `nodes: ["http://127.0.0.1:8080"]`, `nodes: ["https://127.0.0.1:8080"], ca: none.pem`,
		[]string{"live.yaml:11: engine.upstream.ca: cannot be read: file does not exist"}},
	{"upstream-ca", `nodes: ["http://127.0.0.1:8080"]`, `nodes: ["https://127.0.0.1:8080"], ca: staging.secret`,
		[]string{"live.yaml:11: engine.upstream.ca: holds no certificate"}},
	{"upstream-ca", `nodes: ["http://127.0.0.1:8080"]`, `nodes: ["https://127.0.0.1:8080"], ca: k.pem`,
		[]string{"live.yaml:11: engine.upstream.ca: holds no certificate"}},
	{"upstream-ca-unused", "upstream: {", "upstream: {ca: c.pem, server_name: portal, ", []string{
		"live.yaml:11: warning: engine.upstream.ca: is not used", "live.yaml:11: warning: engine.upstream.server_name: is not used"}},
	{"upstream-server-name", `nodes: ["http://127.0.0.1:8080"]`, `nodes: ["https://127.0.0.1:8080"], server_name: "portal:443"`,
		[]string{"live.yaml:11: engine.upstream.server_name: is not the name of a host: it has a port"}},
	{"upstream-server-name", `nodes: ["http://127.0.0.1:8080"]`, `nodes: ["https://127.0.0.1:8080"], server_name: "https://portal"`,
		[]string{"live.yaml:11: engine.upstream.server_name: is not the name of a host: it is a URL"}},
	{"virtual-host", "upstream: {", "upstream: {hosts: [{host: Portal, sites: [1]}, {sites: [2]}], ", []string{
		"live.yaml:11: engine.upstream.hosts[0].host: is not a host or host:port: names are written", "live.yaml:11: engine.upstream.hosts[1].host: is not a host or host:port: it is empty"}},
	{"virtual-sites", "upstream: {", "upstream: {hosts: [{host: portal}], ", []string{"live.yaml:11: engine.upstream.hosts[0].sites: is empty"}},
	{"virtual-any", "upstream: {", "upstream: {hosts: [{host: portal, sites: [any]}], ", []string{"live.yaml:11: engine.upstream.hosts[0].sites: has the word any"}},
	{"virtual-twice", "upstream: {", "upstream: {hosts: [{host: a, sites: [1, 2]}, {host: b, sites: [2]}], ",
		[]string{"live.yaml:11: engine.upstream.hosts[1].sites: names site 2, which an earlier instance has"}},
	{"health-path", "upstream: {", "upstream: {health: {path: x}, ", []string{"live.yaml:11: engine.upstream.health.path: is not a path"}},
	{"health-timeout", "upstream: {", "upstream: {health: {timeout: 10s}, ", []string{"live.yaml:11: warning: engine.upstream.health.timeout: is longer than"}},

	{"browser-absent", "  browser_url: https://www.example.com\n", "", []string{"live.yaml:10: warning: engine.browser_url: is not given"}},
	{"browser-url", "www.example.com", "www.example.com/?a=b", []string{"live.yaml:12: engine.browser_url: has more than"}},
	{"browser-path", "www.example.com", "www.example.com/a/../b", []string{"live.yaml:12: engine.browser_url: has a path"}},
	{"browser-inner", "https://www.example.com", "http://127.0.0.1:8080", []string{"live.yaml:12: warning: engine.browser_url: is an address of this machine"}},
	{"browser-inner", "https://www.example.com", "http://localhost", []string{"live.yaml:12: warning: engine.browser_url: is an address of this machine"}},
	{"browser-gateway", "www.example.com", "live.example.com:8443/x", []string{"live.yaml:12: warning: engine.browser_url: is the gateway itself"}},
	{"", "https://www.example.com", "www.example.com", []string{"live.yaml:12: engine.browser_url: is not a URL"}},

	{"https-off", "", "  liferay:\n    https_required: false\n", []string{"live.yaml:14: warning: engine.liferay.https_required: is false"}},
	{"verifier-off", "", "  liferay:\n    enabled: false\n", []string{"live.yaml:14: engine.liferay.enabled: is false: the engine would refuse"}},
	{"verifier-path", "", "  liferay:\n    urls_includes: [/api/*/x]\n", []string{"live.yaml:14: engine.liferay.urls_includes: does not cover /api/liferay/do"}},
	{"verifier-excluded", "", "  liferay:\n    urls_excludes: [/x, /api/liferay/*]\n", []string{"live.yaml:14: engine.liferay.urls_excludes[1]: takes /api/liferay/do out"}},
	{"verifier-policy", "", "  liferay:\n    service_access_policy: SYSTEM_User_PASSWORD\n", []string{"live.yaml:14: warning: engine.liferay.service_access_policy: is not SYSTEM_USER_PASSWORD"}},
	{"variables", "", "  liferay: {variables: [a=b, c, =d]}\n", []string{"live.yaml:13: engine.liferay.variables[1]: is not written as name=value", "live.yaml:13: engine.liferay.variables[2]: is not"}},
	{"writable", "staging.secret", "open/writable.secret", []string{"live.yaml:9: warning: peers[0].secret.file: may be changed by every user of this machine: open/writable.secret (chmod",
		"live.yaml:9: warning: peers[0].secret.file: may be changed by every user of this machine: open (chmod o-w it)"}},
	{"writable", "", "data: open\n", []string{"live.yaml:13: warning: data: may be changed by every user of this machine: open (chmod o-w it)"}},
	{"memory", "", "quota: {memory: 100MiB}\n", []string{"live.yaml:13: quota.memory: has no room for one call of limits.envelope and its answer of limits.reply (write 129MiB or more"}},
	{"memory", "", "limits: {envelope: 64MiB}\n", []string{"live.yaml:1: quota.memory: has no room for one call of limits.envelope and its answer of limits.reply (write 513MiB or more"}},
	{"hosts-local", good[strings.Index(good, "hosts"):], good[strings.Index(good, "peers"):] + "  liferay: {portal_ext: local.properties}\n",
		[]string{"local.properties:1: warning: hosts.allow: comes from Liferay's files and names this machine only: nobody else may publish (list the staging servers"}},
	{"hosts-prefix", good[strings.Index(good, "hosts"):], good[strings.Index(good, "peers"):] + "  line: 7.2\n  liferay: {portal_ext: p.properties}\n",
		[]string{"p.properties:2: warning: hosts.allow[0]: is a prefix, which Liferay does not read before 7.3"}},

	// What is wrong before any rule.
	{"", "sites: [20143]", "sites: [x]", []string{"live.yaml:6: peers[0].sites[0]: is neither the group id"}},
	{"", "", "  line: 7.5\n", []string{"live.yaml:13: engine.line: is none of 6.2, 7.0, 7.1, 7.2, 7.3, 7.4 (write the line: 2024.Q4"}},
	{"", "", "heartbeat: 15\n", []string{"live.yaml:13: heartbeat: is not a duration such as 500ms, 15s, 2m, 168h or 7d (the default is 15s)"}},
	{"", "", "heartbeat: 2m\n", []string{"live.yaml:13: heartbeat: is out of bounds: at most 1m (the default is 15s)"}},
	{"", "", "limits: {envelope: 1KiB}\n", []string{"live.yaml:13: limits.envelope: is out of bounds: at least 64KiB (the default is 4MiB)"}},
	{"", "", "quota: {peer_rate: 5}\n", []string{"live.yaml:13: quota.peer_rate: is not a rate such as"}},
	{"", "", "quota: {failure_cost: 1.5}\n", []string{"live.yaml:13: quota.failure_cost: is not a whole number"}},
	{"", "", "hosts_allow: []\n", []string{"live.yaml:13: hosts_allow: is not known (known here: listen"}},
	{"", "{nodes:", "{Nodes: [a], nodes:", []string{"live.yaml:11: engine.upstream.Nodes: is not known (did you mean nodes?)"}},
	{"", "", "names: [b]\n", []string{"live.yaml:13: names: stands twice, first in line 1"}},
	{"", "", "tls: x\n", []string{"live.yaml:13: tls: is not a section with keys"}},
	{"", good[strings.Index(good, "peers"):strings.Index(good, "engine")], "peers: x\n", []string{"live.yaml:4: peers: is not a list", "live.yaml:4: peers: is empty: nobody may publish"}},
	{"", good[strings.Index(good, "peers"):strings.Index(good, "engine")], "peers: ~\n", []string{"live.yaml:4: peers: is empty: nobody may publish"}},
	{"", "engine:", "  - x\nengine:", []string{"live.yaml:10: peers[1]: is not a section", "live.yaml:10: peers[1].name: is not a name", "live.yaml:10: peers[1].secret: has no secret",
		"live.yaml:10: peers[1].sites: names no site", "live.yaml:10: warning: peers[1].logins: is not given"}},
	{"", "", "  line: [a]\n", []string{"live.yaml:13: engine.line: is not a single value"}},
	{"", "", "listen: {a: b}\n", []string{"live.yaml:13: listen: is not a list"}},
	{"", "[10.1.2.0/24]", "[[10.1.2.0/24], 10.0.0.1]", []string{"live.yaml:3: hosts.allow[0]: is not a single value"}},
	{"", "names: [live.example.com]", "names: &n [live.example.com]\nlisten: *n", []string{"live.yaml:2: listen: is an alias"}},
	{"", "staging.secret", "none.secret", []string{"live.yaml:9: peers[0].secret.file: does not exist: none.secret"}},
	{"", "staging.secret", "empty.secret", []string{"live.yaml:9: peers[0].secret.file: is empty (write the secret into empty.secret)"}},
	{"", "staging.secret", "open.secret", []string{"live.yaml:9: peers[0].secret.file: may be read by every user of this machine (chmod 600 open.secret)"}},
	{"", "staging.secret", "staging.secret\n      value: x", []string{"live.yaml:9: peers[0].secret.file: stands beside a value"}},
	{"", "engine:", "  - name: two\n    sites: [1]\n    logins: [a]\n    secret: {file: other.secret}\nengine:",
		[]string{"live.yaml:15: engine.upstream.secret: is not given, and the peers have different secrets"}},
	{"", "upstream: {", "upstream: {secret: {hex: true}, ", []string{"live.yaml:11: engine.upstream.secret.hex: stands without a value or file"}},
	{"", "", "  liferay: {portal_ext: [none.properties], osgi: none.config}\n", []string{
		"live.yaml:13: engine.liferay.osgi[0]: does not exist: none.config", "live.yaml:13: engine.liferay.portal_ext[0]: does not exist: none.properties"}},
	{"sync-name", "", "sync: {name: \"a b\", engine: {url: \"http://127.0.0.1:9000\", token_file: t}}\n", []string{"live.yaml:13: sync.name: is no name: a b"}},
	{"sync-unnamed", "", "sync: {peers: [{key: AAAAAAAAAAAAAAAAAAAA, direction: from, kinds: [page]}]}\n", []string{"live.yaml:13: sync.peers: are listed, and sync.name is empty"}},
	{"sync-engine", "", "sync: {name: live, engine: {token_file: t}}\n", []string{"live.yaml:13: sync.engine.url: is needed"}},
	{"sync-token", "", "sync: {name: live, engine: {url: \"http://127.0.0.1:9000\"}}\n", []string{"live.yaml:13: sync.engine.token_file: is needed"}},
	{"", "", "store: postgres\ncluster: {key_file: cluster.key, postgres: {url: {file: pg.url}}}\n" + syncOn + "}\n", nil}, // gateways may share it
	{"sync-key", "", syncOn + ", origins: [live]}\n", []string{"live.yaml:13: sync.origins[0]: is no key: live"}},
	{"sync-key", "", syncOn + ", peers: [{key: x, direction: from, kinds: [page]}]}\n", []string{"live.yaml:13: sync.peers[0].key: is no key: x"}},
	{"sync-twice", "", syncOn + ", peers: [" + syncPeer + "}, " + syncPeer + "}]}\n", []string{"live.yaml:13: sync.peers[1].key: names a server that another peer names too"}},
	{"sync-url", "", syncOn + ", peers: [{key: AAAAAAAAAAAAAAAAAAAA, kinds: [page], url: \"http://x\"}]}\n", []string{"live.yaml:13: sync.peers[0].url: is needed"}},
	{"sync-kind", "", syncOn + ", peers: [{key: AAAAAAAAAAAAAAAAAAAA, direction: from, kinds: [Page]}]}\n", []string{"live.yaml:13: sync.peers[0].kinds: is no kind of object: Page"}},
	{"sync-kinds", "", syncOn + ", peers: [{key: AAAAAAAAAAAAAAAAAAAA, direction: from}]}\n", []string{"live.yaml:13: warning: sync.peers[0].kinds: is empty"}},
	{"sync-path", "", syncOn + ", peers: [" + syncPeer + ", paths: [Shop, Shop/]}]}\n", []string{"live.yaml:13: sync.peers[0].paths: is no path: Shop/"}},
	{"sync-path", "", syncOn + ", peers: [" + syncPeer + ", paths: [Shop/Page/x]}]}\n", []string{"live.yaml:13: sync.peers[0].paths: is no path: Shop/Page/x"}},
	{"sync-approve", "", syncOn + ", peers: [" + syncPeer + ", approve: [page, tag]}]}\n", []string{"live.yaml:13: warning: sync.peers[0].approve: lists what is not in kinds: tag"}},
	{"sync-system", "", syncOn + ", peers: [{key: AAAAAAAAAAAAAAAAAAAA, direction: from, kinds: [page, user, kentico.cms.role, setting], approve: [user]}]}\n",
		[]string{"live.yaml:13: warning: sync.peers[0].kinds: lets it change who may do what here: kentico.cms.role, setting"}},
	{"sync-prefer", "", syncOn + ", conflicts: prefer}\n", []string{"live.yaml:13: sync.prefer: is for conflicts: prefer"}},
}

const (
	syncOn   = `sync: {name: live, engine: {url: "http://127.0.0.1:9000", token_file: t}`
	syncPeer = `{key: AAAAAAAAAAAAAAAAAAAA, direction: from, kinds: [page]`
)

func TestRules(t *testing.T) {
	covered := map[string]bool{"secret-exposed": true} // TestExposedFile
	for _, tt := range ruleRows {
		covered[tt.rule] = true
		t.Run(tt.rule+" "+tt.new, func(t *testing.T) {
			text := good + tt.new
			if tt.old != "" {
				text = strings.Replace(good, tt.old, tt.new, 1)
			}
			_, ps := loadFS(goodFiles(t), text, nil, nil)
			got := texts(ps)
			for i := range got {
				if i < len(tt.want) && strings.HasPrefix(got[i], tt.want[i]) {
					got[i] = tt.want[i]
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			for _, p := range ps {
				if p.Cure == "" {
					t.Errorf("no cure: %s", p)
				}
			}
		})
	}
	for _, r := range rules {
		if !covered[r.name] {
			t.Errorf("no row for rule %s", r.name)
		}
	}
}

func TestExposedFile(t *testing.T) {
	files := goodFiles(t)
	loadFS(files, strings.Replace(good, "file: staging.secret", "value: 0123456789abcdef", 1), nil, nil)
	files["live.yaml"].Mode = 0o644
	_, ps := Load(Options{File: "live.yaml", ReadFile: files.ReadFile, Stat: files.Stat})
	want := []string{"live.yaml:9: warning: peers[0].secret.value: stands in a file that every user of this machine may read " +
		"(chmod o-r live.yaml, or move it to a file of its own)"}
	if diff := cmp.Diff(want, texts(ps)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if Fatal(ps) {
		t.Error("a warning is fatal")
	}
}

// Everything that is wrong is said in one go.
func TestAllProblemsAtOnce(t *testing.T) {
	_, ps := loadFS(goodFiles(t), "lisen: []\nengine:\n  line: 8\n  path_context: live/\ntls: {source: files}\n", []string{"STAGELOCK_DRAIN=x"}, map[string]string{"heartbeat": "0s"})
	want := []string{"drain", "heartbeat", // of a variable and a flag, which have no line
		"hosts.allow", "lisen", "names", "peers", "engine.upstream.nodes", "engine.line", "engine.path_context", "engine.path_context",
		"tls.certificate", "tls.key"}
	var got []string
	for _, p := range ps {
		got = append(got, p.Path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestHostOfAVirtualInstance(t *testing.T) {
	c, ps := loadFS(goodFiles(t), strings.Replace(good, "upstream: {",
		"upstream: {host: main, hosts: [{host: a, sites: [1, 2]}, {host: x, sites: [3]}], ", 1),
		[]string{"STAGELOCK_ENGINE_UPSTREAM_HOSTS_1_HOST=b"}, nil)
	if len(ps) > 0 {
		t.Fatal(texts(ps))
	}
	for site, want := range map[int64]string{1: "a", 2: "a", 3: "b", 4: "main", 0: "main", -1: "main"} {
		if got := c.Engine.Upstream.HostOf(site); got != want {
			t.Errorf("site %d: %q, want %q", site, got, want)
		}
	}
}

// The content of the file is part of the configuration: a reload that finds another one uses it.
func TestAuthoritiesAreComparedByContent(t *testing.T) {
	text := strings.Replace(good, `nodes: ["http://127.0.0.1:8080"]`, `nodes: ["https://127.0.0.1:8080"], ca: c.pem`, 1)
	files := goodFiles(t)
	before, ps := loadFS(files, text, nil, nil)
	if len(ps) > 0 {
		t.Fatal(texts(ps))
	}
	same, _ := loadFS(files, text, nil, nil)
	files["c.pem"].Data, _ = pair(t)
	after, _ := loadFS(files, text, nil, nil)
	if !reflect.DeepEqual(before.Engine.Upstream, same.Engine.Upstream) || reflect.DeepEqual(before.Engine.Upstream, after.Engine.Upstream) {
		t.Error("the same file differs, or another one does not")
	}
	if before.Engine.Upstream.Roots() == nil || len(before.Engine.Upstream.Authorities()) != 1 {
		t.Error("the authority is not there")
	}
}
