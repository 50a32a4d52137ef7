package liferay_test

import (
	"os"
	"path/filepath"
	"testing"
)

// golden compares a table over all lines with the one that is kept, which the README quotes.
func golden(t *testing.T, name, text string) {
	t.Helper()
	if t.Failed() {
		return
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Errorf("%s is not what was seen; look at the difference, then run with -update", file)
	}
}
