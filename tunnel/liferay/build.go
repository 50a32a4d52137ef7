package liferay

import (
	"fmt"
	"strings"
)

// The packages of the two profiles of the wire.
const (
	Line62 = "6.2"
	Line7  = "7.x"
)

// Builds returns the recorded builds of the CMS, oldest first.
func Builds() []string {
	return []string{"6.2", "7.0", "7.1", "7.2", "7.3", "7.4.3.51", "7.4.3.112"}
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

// profile returns the wire profile of a build or line.
func profile(build string) string {
	if build == Line62 {
		return Line62
	}
	return Line7
}
