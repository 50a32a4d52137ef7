package conf_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stagelock/stagelock/conf"
)

const topSecret = "hunter2hunter2hu"

// leaks finds the secret as text, in hexadecimal digits and as a list of bytes.
func leaks(s string) bool {
	for _, form := range []string{"%s", "%x", "%X", "%d"} {
		needle := strings.Trim(fmt.Sprintf(form, []byte(topSecret)[:6]), "[]")
		if strings.Contains(s, needle) {
			return true
		}
	}
	return false
}

// Wherever a secret stands, rightly or by mistake, no problem and no effective value repeats it.
func TestNoTextRepeatsASecret(t *testing.T) {
	files := fstest.MapFS{
		"s":                     {Data: []byte(topSecret), Mode: 0o644},
		"portal-ext.properties": {Data: []byte("tunneling.servlet.shared.secret=" + topSecret + "ü${x}\nbroken=\\u12\n")},
		"glued.properties": {Data: []byte("tunneling.servlet.shared.secret" + topSecret + "\n" +
			"tunneling.servlet.shared.secret." + topSecret + "=x\n")},
		"key.config": {Data: []byte(topSecret + "=\"x\"\n")},
		"v.config":   {Data: []byte("enabled=" + topSecret + "\nhostsAllowed=\"" + topSecret + "\n")},
	}
	for _, text := range []string{
		"peers: [{secret: " + topSecret + "}]",
		"peers: [{secret: [" + topSecret + "]}]",
		"peers: [{secret: {value: [" + topSecret + "]}}]",
		"peers: [{secret: {value: " + topSecret + ", value: " + topSecret + "}}]",
		"peers: [{secret: {value: ' " + topSecret + "ü'}}]",
		"peers: [{secret: {algorithm: " + topSecret + ", hex: " + topSecret + "}}]",
		"peers: [{secret: {file: s, value: " + topSecret + ", previous: {file: s}}}]",
		"engine: {upstream: {secret: {value: " + topSecret + "}, nodes: ['http://u:" + topSecret + "@h', '" + topSecret + "']}}",
		"engine: {liferay: {portal_ext: portal-ext.properties, osgi: v.config}}",
		"engine: {liferay: {portal_ext: glued.properties, osgi: key.config}}",
		"engine: {line: '7.0', liferay: {portal_ext: glued.properties, osgi: key.config}}",
		"peers: [{secret: {" + topSecret + "}}]",
		"peers: [{secret: {value: a, previous: {" + topSecret + "}}}]",
		"store: postgres\ncluster: {postgres: {url: {'postgres://u:" + topSecret + "@h/db'}}}",
		"store: postgres\ncluster: {postgres: {'postgres://u:" + topSecret + "@h/db'}}",
		"store: postgres\ncluster: {postgres: {url: {file: 'postgres://u:" + topSecret + "@h/db'}}}",
		"store: postgres\ncluster: {postgres: {url: {value: 'postgres://u:" + topSecret + "@h:port/db?sslmode=no'}}}",
		"peers: [{secret: {value: \"" + topSecret + "\n",
		"engine: {line: " + topSecret + "}\nlisten: " + topSecret + "\nheartbeat: " + topSecret,
	} {
		files["c.yaml"] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		c, ps := conf.Load(conf.Options{File: "c.yaml", ReadFile: files.ReadFile, Stat: files.Stat,
			Env:   []string{"STAGELOCK_ENGINE_UPSTREAM_SECRET_PREVIOUS=" + topSecret, "STAGELOCK_PEERS_0_SECRET_HEX=" + topSecret},
			Flags: map[string]string{"peers[0].secret.value": topSecret, "log.level": topSecret}})
		for _, p := range ps {
			if leaks(p.String()) {
				t.Errorf("%s\nleaks: %s", text, p)
			}
		}
		if c == nil {
			continue
		}
		for _, s := range c.Effective() {
			if leaks(s.String()) {
				t.Errorf("%s\nleaks: %s", text, s)
			}
		}
		if got := fmt.Sprintf("%+v %#v", c, *c); leaks(got) {
			t.Errorf("%s\nleaks when printed", text)
		}
	}
}
