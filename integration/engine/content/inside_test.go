package content

import (
	"reflect"
	"testing"
)

// FuzzSettings holds: settings that were read and written are read the same.
func FuzzSettings(f *testing.F) {
	f.Add("staged=true\n#no\n =x\nstaged-portlet_8=a_SAFE_NEWLINE_CHARACTER_b\n")
	f.Fuzz(func(t *testing.T, s string) {
		m := ParseSettings(s)
		if got := ParseSettings(m.String()); !reflect.DeepEqual(got, m) {
			t.Errorf("got %q, want %q", got, m)
		}
	})
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{"Home": "/home", "About us!": "/about-us", "--x--": "/x", "Über 2": "/ber-2"} {
		if got := Slug(name); got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}
