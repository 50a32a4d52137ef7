package integration_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneListOfCalls: the vendor's calls stand in one file, which the policy embeds and everything
// else reads. Copies drift apart, and a gap in one is then in none of the others' tests.
func TestOneListOfCalls(t *testing.T) {
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && (d.Name() == ".git" || d.Name() == "target") {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".json") {
			return nil
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(`"method": "createStagingRequest", "parameters"`)) {
			found = append(found, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0] != "../policy/calls/calls.json" {
		t.Errorf("the vendor's calls are listed in %q", found)
	}
}
