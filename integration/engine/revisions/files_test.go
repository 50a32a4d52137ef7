package revisions_test

import (
	"bytes"
	"io"
	"os"
)

// open returns the content of a file that is removed.
func open(s studio, path string) io.Reader {
	s.Helper()
	b, err := os.ReadFile(path)
	s.must(err)
	s.must(os.Remove(path))
	return bytes.NewReader(b)
}
