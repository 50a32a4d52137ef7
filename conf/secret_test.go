package conf_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"

	"github.com/stagelock/stagelock/conf"
)

const topSecret = "hunter2hunter2hu"

type holder struct {
	Exported conf.Secret
	hidden   conf.Secret
	Pointer  *conf.Secret
	Key      conf.Key
	list     []conf.Secret
	any      any
}

func newHolder() *holder {
	s := conf.NewSecret(topSecret)
	return &holder{s, s, &s, conf.Key{Value: s}, []conf.Secret{s}, s}
}

// shapes are all the ways in which a Secret can reach a printer.
func shapes() map[string]any {
	h := newHolder()
	return map[string]any{
		"secret": h.Exported, "pointer": h.Pointer, "struct": *h, "pointer to struct": h, "slice": h.list,
		"map": map[string]conf.Secret{"a": h.hidden}, "map key": map[conf.Secret]int{h.hidden: 1}, "any": h.any,
		"peer": conf.Peer{Secret: conf.Keys{Key: h.Key, Previous: h.Key}},
	}
}

func TestSecretUnderEveryVerb(t *testing.T) {
	for name, v := range shapes() {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "40", ".3", "+#"} {
			for _, verb := range "vTtbcdoOqxXUeEfFgGspw" {
				format := "%" + flag + string(verb)
				if got := fmt.Sprintf(format, v); leaks(got) {
					t.Errorf("%s under %s leaks: %s", name, format, got)
				}
			}
		}
		if got := fmt.Sprint(v) + fmt.Sprintln(v) + fmt.Errorf("wrapped: %v", v).Error(); leaks(got) {
			t.Errorf("%s leaks: %s", name, got)
		}
	}
	if got := fmt.Sprintf("%s %v %q %x %d %#v", newHolder().Exported, newHolder().Exported, newHolder().Exported,
		newHolder().Exported, newHolder().Exported, newHolder().Exported); got != "*** *** *** *** *** ***" {
		t.Errorf("printed %s", got)
	}
}

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

func TestLeaksFinds(t *testing.T) {
	for _, s := range []string{topSecret, fmt.Sprintf("%x", topSecret), fmt.Sprintf("%X", topSecret), fmt.Sprint([]byte(topSecret))} {
		if !leaks(s) {
			t.Errorf("nothing found in %s", s)
		}
	}
}

func TestSecretInEncoders(t *testing.T) {
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"yaml": func(v any) ([]byte, error) { return yaml.Dump(v) },
		"xml":  xml.Marshal,
		"slog": func(v any) ([]byte, error) {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("a", "v", v)
			slog.New(slog.NewTextHandler(&b, nil)).Info("a", "v", v)
			return b.Bytes(), nil
		},
		"logrus text": logged(&logrus.TextFormatter{}),
		"logrus json": logged(&logrus.JSONFormatter{}),
	}
	for encoder, encode := range encoders {
		for name, v := range shapes() {
			got, err := encode(v)
			if leaks(string(got)) || err != nil && leaks(err.Error()) {
				t.Errorf("%s of %s leaks: %s %v", encoder, name, got, err)
			}
			if name == "secret" && !strings.Contains(string(got), "***") {
				t.Errorf("%s of a secret = %s, %v", encoder, got, err)
			}
		}
	}
}

func logged(f logrus.Formatter) func(any) ([]byte, error) {
	return func(v any) ([]byte, error) {
		var b bytes.Buffer
		log := logrus.New()
		log.Out, log.Formatter = &b, f
		log.WithField("v", v).Info("a")
		return b.Bytes(), nil
	}
}

func TestSecretValue(t *testing.T) {
	s, same, other := conf.NewSecret(topSecret), conf.NewSecret(topSecret), conf.NewSecret("x")
	if s.Reveal() != topSecret || !s.IsSet() || !s.Equal(same) || s.Equal(other) || s.Equal(conf.Secret{}) {
		t.Error("value, set or equal is wrong")
	}
	if unset := conf.NewSecret(""); unset.IsSet() || unset.Reveal() != "" || !unset.Equal(conf.Secret{}) {
		t.Error("an empty secret is set")
	}
}

// Wherever a secret stands, rightly or by mistake, no problem and no effective value repeats it.
func TestNoTextRepeatsASecret(t *testing.T) {
	files := fstest.MapFS{
		"s":                     {Data: []byte(topSecret), Mode: 0o644},
		"portal-ext.properties": {Data: []byte("tunneling.servlet.shared.secret=" + topSecret + "ü${x}\nbroken=\\u12\n")},
		"v.config":              {Data: []byte("enabled=" + topSecret + "\nhostsAllowed=\"" + topSecret + "\n")},
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
