package scalar_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

const topSecret = "hunter2hunter2hu"

type key struct{ Value scalar.Secret }

type holder struct {
	Exported scalar.Secret
	hidden   scalar.Secret
	Pointer  *scalar.Secret
	Key      key
	list     []scalar.Secret
	any      any
}

func newHolder() *holder {
	s := scalar.NewSecret(topSecret)
	return &holder{s, s, &s, key{Value: s}, []scalar.Secret{s}, s}
}

// shapes are all the ways in which a Secret can reach a printer.
func shapes() map[string]any {
	h := newHolder()
	return map[string]any{
		"secret": h.Exported, "pointer": h.Pointer, "struct": *h, "pointer to struct": h, "slice": h.list,
		"map": map[string]scalar.Secret{"a": h.hidden}, "map key": map[scalar.Secret]int{h.hidden: 1}, "any": h.any,
		"nested": struct{ Current, Previous key }{h.Key, h.Key},
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
	s, same, other := scalar.NewSecret(topSecret), scalar.NewSecret(topSecret), scalar.NewSecret("x")
	if s.Reveal() != topSecret || !s.IsSet() || !s.Equal(same) || s.Equal(other) || s.Equal(scalar.Secret{}) {
		t.Error("value, set or equal is wrong")
	}
	if unset := scalar.NewSecret(""); unset.IsSet() || unset.Reveal() != "" || !unset.Equal(scalar.Secret{}) {
		t.Error("an empty secret is set")
	}
}
