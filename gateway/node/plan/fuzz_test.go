package plan_test

import (
	"io/fs"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
)

// malformed are URLs of nodes on which validate and run died: the pool was built from sections with
// errors.
var malformed = []string{"127.0.0.1:8080", "http://", "http://:8080", "http://[::1", "http://a b", "ftp://a", "http://a:port", "http://a:99999", "//a", "http:/a", "", "http://%zz", "\\x00", "http://[fe80::1%25e]:1"}

func TestMalformedNodesDoNotPanic(t *testing.T) {
	for _, u := range malformed {
		text := "names: [a]\nhosts: {allow: [\"10.0.0.1\"]}\nengine: {upstream: {nodes: [\"http://127.0.0.1:8080\", \"" + u + "\"]}}\n"
		cfg, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
		if !conf.Fatal(problems) {
			t.Errorf("%q was accepted", u)
		}
		if cfg != nil {
			plan.Check(cfg)
		}
	}
}

// FuzzValidate does what validate does, with the YAML file and Liferay's two.
func FuzzValidate(f *testing.F) {
	for _, u := range malformed {
		f.Add("engine: {upstream: {nodes: [\""+u+"\"]}}\n", "", "")
	}
	f.Add(good, "tunneling.servlet.shared.secret=0123456789abcdef\ntunnel.servlet.hosts.allowed=10.0.0.1,${a}\n", "hostsAllowed=\"10.0.0.1\"\n")
	f.Add(conf.Reference(), "x=\\u00\ninclude-and-override=p.properties\n", "enabled=B\"false\"\n")
	f.Add("listen: [x]\nnames: [\"\", \":\", \"[\", \"a:b:c\"]\npeers: [{}, {sites: [x], secret: {value: x}}]\nquota: {peer_rate: x, tracked: 0}\nlimits: {depth: -1}\n", "", "")
	f.Add("engine: {line: x, path_context: \"//\", browser_url: \"http://%\", liferay: {portal_ext: [p.properties, \"\"], osgi: [x.config, \".\"]}}\nhosts: {allow: [\"/\", \"::/0\", \"a/1\"], proxy_protocol: [x]}\n", "=\n\\", "=\"")
	f.Fuzz(func(t *testing.T, yaml, properties, config string) {
		files := map[string]string{"c.yaml": yaml, "p.properties": properties, "x.config": config}
		read := func(name string) ([]byte, error) {
			text, found := files[name]
			if !found {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		}
		cfg, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: read})
		if cfg == nil {
			return
		}
		problems = append(problems, plan.Check(cfg)...)
		conf.Sort(problems)
	})
}
