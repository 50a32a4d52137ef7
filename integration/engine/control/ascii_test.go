package control

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzASCII holds: what a header carries is printable ASCII of one line, and reads as what was written.
func FuzzASCII(f *testing.F) {
	f.Add("Läden 🛍")
	f.Add("\x00\r\nInput: x")
	f.Add("a\x7fb")
	f.Add("\u2028</script>\U0010ffff")
	f.Fuzz(func(t *testing.T, name string) {
		want := NewItem{Name: strings.ToValidUTF8(name, "?"), Tags: []string{name}}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		text := ascii(b)
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Errorf("%q has %q", text, text[i])
		}
		var got NewItem
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Name != want.Name {
			t.Errorf("read %q, %v, want %q", got.Name, err, want.Name)
		}
	})
}
