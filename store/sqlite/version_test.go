package sqlite_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

type module struct{ Version, GoMod string }

func selected(t *testing.T, path string) module {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-json", path).Output()
	if err != nil {
		t.Skipf("the go command does not list %s here: %v", path, err)
	}
	var m module
	must(t, json.Unmarshal(out, &m))
	return m
}

// TestLibc holds that the driver runs with the libc it was generated for: another version corrupts
// memory, and a plain update of something else can pull one in.
func TestLibc(t *testing.T) {
	driver, libc := selected(t, "modernc.org/sqlite"), selected(t, "modernc.org/libc")
	if semver.Compare(driver.Version, "v1.46.2") < 0 {
		t.Errorf("modernc.org/sqlite %s has a bug that corrupts the write-ahead log",
			driver.Version)
	}
	data, err := os.ReadFile(driver.GoMod)
	must(t, err)
	f, err := modfile.ParseLax(driver.GoMod, data, nil)
	must(t, err)
	want := ""
	for _, r := range f.Require {
		if r.Mod.Path == "modernc.org/libc" {
			want = r.Mod.Version
		}
	}
	if want == "" || libc.Version != want {
		t.Errorf("modernc.org/sqlite %s wants modernc.org/libc %q, the build has %q",
			driver.Version, want, libc.Version)
	}
}
