package calls

import (
	_ "embed" // the policy in words
	"strings"
)

// written is this package's comment.
//
//go:embed doc.go
var written string

// Text returns the whole policy in words, as this package's comment has it.
func Text() string {
	comment, _, _ := strings.Cut(written, "\npackage ")
	lines := strings.Split(comment, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(l, "//"), " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n")) + "\n"
}
