package liferay

import (
	"fmt"
	"strings"

	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// The packages of the two profiles of the wire.
const (
	Line62 = "6.2"
	Line7  = "7.x"
)

// Builds returns the recorded builds of the CMS, oldest first.
func Builds() []string {
	return schema.Builds()
}

// BuildOf returns the recorded build that stands for a version line or build: the newest one of
// that line. Its error lists what is known.
func BuildOf(line string) (string, error) {
	known := Builds()
	for i := len(known) - 1; i >= 0; i-- {
		if line != "" && (known[i] == line || strings.HasPrefix(known[i], line+".")) {
			return known[i], nil
		}
	}
	return "", fmt.Errorf("version line %q is not one of %s", line, strings.Join(known, ", "))
}
