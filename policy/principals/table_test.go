package principals_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/principals"
)

func TestLogin(t *testing.T) {
	table := principals.New([]string{
		"anna@staging.example.com -> anna.live@example.com",
		"anna@staging.example.com->second@example.com",
		"*@staging.example.com -> *@example.com",
		"*@staging.example.com -> never@example.com",
		"svc-* -> service@example.com",
		"20199 -> 30001",
		"a*z -> <*>",
		"no entry",
	})
	for came, want := range map[string]string{
		"anna@staging.example.com":  "anna.live@example.com",
		"bob@staging.example.com":   "bob@example.com",
		"Bob@Staging.example.com":   "Bob@Staging.example.com", // logins differ by their bytes
		"@staging.example.com":      "@staging.example.com",    // a star is something
		"svc-nightly":               "service@example.com",
		"svc-":                      "svc-",
		"20199":                     "30001",
		"az":                        "az",
		"abcz":                      "<bc>",
		"carla@example.com":         "carla@example.com",
		"":                          "",
		"no entry":                  "no entry",
		"x@staging.example.com.org": "x@staging.example.com.org",
	} {
		if got := table.Login(came); got != want {
			t.Errorf("%q becomes %q, want %q", came, got, want)
		}
	}
	var none *principals.Table
	if got := none.Login("anna"); got != "anna" {
		t.Errorf("without a table %q", got)
	}
}

func TestCheck(t *testing.T) {
	for entry, want := range map[string]string{
		"a -> b": "", "a->b": "", "*@a -> *@b": "", "a* -> b": "", " a -> b ": "", "größe -> size": "",
		"a": "which login", "-> b": "which login", "a ->": "which login", "": "which login",
		"a -> b -> c": "two arrows", "*a* -> b": "two stars", "* -> **": "two stars", "a -> *": "right side only",
		"a:b -> c": "no login has", "a -> b:c": "no login has", "a\nb -> c": "no login has",
	} {
		f := principals.Check(entry)
		if want == "" && f != nil || want != "" && (f == nil || !strings.Contains(f.Msg, want) || f.Cure == "") {
			t.Errorf("%q: %v, want %q", entry, f, want)
		}
		if got := principals.New([]string{entry}).Login("came"); f != nil && got != "came" {
			t.Errorf("%q is no entry, and makes %q", entry, got)
		}
	}
}

// Whatever comes, nothing becomes empty and nothing becomes what ends a login.
func FuzzLogin(f *testing.F) {
	f.Add("*@a -> *@b", "x@a")
	f.Add("a -> b", "a")
	f.Fuzz(func(t *testing.T, entry, came string) {
		if came == "" || strings.Contains(came, ":") {
			return
		}
		if got := principals.New([]string{entry}).Login(came); got == "" || strings.Contains(got, ":") {
			t.Fatalf("%q makes %q of %q", entry, got, came)
		}
	})
}
