package conf_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stagelock/stagelock/conf"
)

// A secret that is changed by somebody who mistypes.
func TestRotated(t *testing.T) {
	const one, two, three = "9f1e2d3c4b5a6978", "8f1e2d3c4b5a6978", "7f1e2d3c4b5a6978"
	load := func(peers string) *conf.Config {
		t.Helper()
		text := "names: [a]\nhosts: {allow: [10.0.0.1]}\nengine: {upstream: {nodes: ['http://127.0.0.1:1'], secret: {value: " + one + "}}}\npeers:\n" + peers
		c, problems := conf.Load(conf.Options{File: "live.yaml", ReadFile: fstest.MapFS{"live.yaml": {Data: []byte(text)}}.ReadFile})
		if conf.Fatal(problems) {
			t.Fatal(problems)
		}
		return c
	}
	peer := func(secret string) string {
		return "  - {name: staging, sites: [any], logins: [a@b.c], secret: {" + secret + "}}\n"
	}
	old := peer("value: " + one)
	for _, tt := range []struct{ name, old, next, want string }{
		{"nothing", old, old, ""},
		{"as it should be", old, peer("value: " + two + ", previous: {value: " + one + "}"), ""},
		{"the last step", peer("value: " + two + ", previous: {value: " + one + "}"), peer("value: " + two), ""},
		{"back again", peer("value: " + two + ", previous: {value: " + one + "}"), peer("value: " + one), "live.yaml:5: warning: peers[0].secret: is another one at once"},
		{"another file", old, peer("value: " + two + ", previous: {value: " + three + "}"), "live.yaml:5: peers[0].secret.previous: is not the secret that is in use"},
		{"another flag", old, peer("value: " + two + ", previous: {value: " + one + ", hex: true}"), "live.yaml:5: peers[0].secret.previous: is not the secret that is in use"},
		{"another cipher", old, peer("value: " + two + ", previous: {value: " + one + ", algorithm: Blowfish}"), "live.yaml:5: peers[0].secret.previous: is not"},
		{"at once", old, peer("value: " + two), "live.yaml:5: warning: peers[0].secret: is another one at once"},
		{"a mistake that is mended", peer("value: " + two + ", algorithm: Blowfish, previous: {value: " + one + "}"), peer("value: " + two + ", previous: {value: " + one + "}"),
			"live.yaml:5: warning: peers[0].secret: is another one at once"},
		{"a peer more", old, old + "  - {name: other, sites: [any], logins: [a@b.c], secret: {value: " + three + "}}\n", ""},
		{"a peer of another name", old, strings.Replace(peer("value: "+two), "staging", "other", 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range conf.Rotated(load(tt.old), load(tt.next)) {
				got = append(got, p.String())
				for _, s := range []string{one, two, three} {
					if strings.Contains(p.String(), s) {
						t.Errorf("a secret is told: %s", p)
					}
				}
			}
			if text := strings.Join(got, "\n"); (text == "") != (tt.want == "") || !strings.HasPrefix(text, tt.want) {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}
